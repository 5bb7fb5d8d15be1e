/** An etcd of three members that a test may kill, halt and start again; here each is a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPki } from '@slipway/apiserver/pki';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { systemRandom } from '@slipway/kit/random';
import { eventually } from '../harness/eventually.ts';
import { freePorts } from './free-ports.ts';

export const memberCount = 3;

export interface EtcdTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface EtcdMembers {
  readonly endpoints: readonly string[];
  /** Client certificate, when the members speak TLS. */
  readonly tls: EtcdTls | undefined;
  /** Index of the member that leads now. */
  leader(): Promise<number>;
  /** Gives the lead to this member. */
  lead(index: number): Promise<void>;
  /** Without a warning. */
  kill(index: number): Promise<void>;
  /** Begins a killed one again on its data. */
  start(index: number): Promise<void>;
  /** Its connections stay, and nobody answers. */
  halt(index: number): Promise<void>;
  resume(index: number): Promise<void>;
  /** Takes it off the network, where there is one: packets from and to it are lost. */
  cutOff?(index: number): Promise<void>;
  join?(index: number): Promise<void>;
  /** All members answer. */
  whole(): Promise<void>;
  stop(): Promise<void>;
}

export async function startEtcdMembers({ withTls = false } = {}): Promise<EtcdMembers> {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-etcd-members-'));
  const scheme = withTls ? 'https' : 'http';
  const ports = await freePorts(2 * memberCount);
  const clientUrls = ports.slice(0, memberCount).map((port) => `${scheme}://127.0.0.1:${port}`);
  const peerUrls = ports.slice(memberCount).map((port) => `http://127.0.0.1:${port}`);
  const tls = withTls ? await makeCertificates(directory) : undefined;
  const children: (ChildProcess | undefined)[] = [];

  const start = (index: number) => {
    const [clientUrl = '', peerUrl = ''] = [clientUrls[index], peerUrls[index]];
    const args = ['--name', `m${index}`, '--data-dir', join(directory, `m${index}`)];
    args.push('--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl);
    args.push('--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl);
    args.push('--initial-cluster', peerUrls.map((url, i) => `m${i}=${url}`).join(','), '--logger', 'zap');
    if (tls) {
      args.push('--cert-file', tls.serverCertFile, '--key-file', tls.serverKeyFile);
      args.push('--client-cert-auth', '--trusted-ca-file', tls.caFile);
    }
    children[index] = spawn('etcd', args, { stdio: 'ignore' });
  };
  const control = etcdControl(clientUrls, tls);
  const end = async (index: number) => {
    const child = children[index];
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await closed;
  };
  const stop = async () => {
    await Promise.all(children.map((_, index) => end(index)));
    await rm(directory, { recursive: true, force: true });
  };

  for (let index = 0; index < memberCount; index++) start(index);
  await control.whole().catch(async (error) => {
    await stop();
    throw error;
  });
  return {
    ...control,
    endpoints: clientUrls,
    tls,
    kill: end,
    start: async (index) => start(index),
    halt: async (index) => void children[index]?.kill('SIGSTOP'),
    resume: async (index) => void children[index]?.kill('SIGCONT'),
    stop,
  };
}

/** What is asked of the members themselves, by etcdctl. */
export function etcdControl(
  endpoints: readonly string[],
  tls?: EtcdTls,
): Pick<EtcdMembers, 'leader' | 'lead' | 'whole'> {
  const flags = tls ? ['--cacert', tls.caFile, '--cert', tls.certFile, '--key', tls.keyFile] : [];
  const etcdctl = async (asked: readonly string[], ...command: string[]) => {
    const args = ['--endpoints', asked.join(','), '--command-timeout', '2s', ...flags, ...command, '-w', 'json'];
    const env = { PATH: process.env.PATH, ETCDCTL_API: '3' };
    return (await exec('etcdctl', args, { signal: AbortSignal.timeout(10_000), env })).stdout.toString();
  };
  /** Of the member with this index; undefined while it does not answer. IDs are larger than a number holds exactly. */
  const status = async (index: number) => {
    const text = await etcdctl([endpoints[index] ?? ''], 'endpoint', 'status').catch(() => '');
    const [, id] = /"member_id":(\d+)/.exec(text) ?? [];
    const [, leader] = /"leader":(\d+)/.exec(text) ?? [];
    return id === undefined ? undefined : { id, leader };
  };
  const leader = async () => {
    for (const index of endpoints.keys()) {
      const found = await status(index);
      if (found && found.id === found.leader) return index;
    }
    throw new Error('nobody leads');
  };
  return {
    leader,
    lead: async (index) => {
      const found = await status(index);
      const id = BigInt(found?.id ?? 0).toString(16);
      await etcdctl([endpoints[await leader()] ?? ''], 'move-leader', id);
    },
    whole: async () => {
      await eventually('all members answer', () => etcdctl(endpoints, 'endpoint', 'health'), 20_000);
    },
  };
}

async function makeCertificates(directory: string) {
  const pki = join(directory, 'pki');
  const keys = await openPki(pki, { clock: systemClock, random: systemRandom }, 'etcd-ca');
  await keys.servingCertificate(['127.0.0.1', 'localhost']);
  await keys.clientCertificate({ file: 'client', user: 'slipway', groups: [] });
  return {
    caFile: join(pki, 'ca.crt'),
    certFile: join(pki, 'client.crt'),
    keyFile: join(pki, 'client.key'),
    serverCertFile: join(pki, 'apiserver.crt'),
    serverKeyFile: join(pki, 'apiserver.key'),
  };
}

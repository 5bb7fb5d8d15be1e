import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { Lease, Node } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { createHttpTransport, type HttpTransport } from '@slipway/client/http-transport';
import { kinds } from '@slipway/client/kinds';
import { loadKubeconfig, writeKubeconfig } from '@slipway/client/kubeconfig';
import { systemClock } from '@slipway/kit/clock';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { slipwayBin } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import { run } from '../harness/kubectl.ts';
import { RoleProcess } from './server-process.ts';

const { signal } = new AbortController();
const nodeName = 'short';
const validSeconds = 6;
const serviceRange = '--service-cluster-ip-range=172.29.242.0/24';
const podRange = '--cluster-cidr=10.243.0.0/16';
const token = { id: 'abcdef', secret: '0123456789abcdef' };

/** Renewal at 70 to 90 % of six seconds: nobody is restarted, and nobody is ever without. */
describeWith(missingCapability(containerNeeds), 'an agent whose certificates hold for seconds', () => {
  let directory: string;
  let transport: HttpTransport;
  const roles: RoleProcess[] = [];
  const client = () => new Client(transport);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-short-'));
    const admin = join(directory, 'api/admin.kubeconfig');
    const start = async (...args: string[]) => {
      const role = new RoleProcess(args);
      roles.push(role);
      await role.start();
    };
    await start('apiserver', `--data-dir=${join(directory, 'api')}`, '--secure-port=0', serviceRange);
    const connection = await loadKubeconfig(admin);
    transport = createHttpTransport({ connection, clock: systemClock });
    const stringData = { 'token-id': token.id, 'token-secret': token.secret, 'usage-bootstrap-authentication': 'true' };
    const metadata = { namespace: 'kube-system', name: `bootstrap-token-${token.id}` };
    const type = 'bootstrap.kubernetes.io/token';
    await client().create(kinds.secrets, { apiVersion: 'v1', kind: 'Secret', metadata, type, stringData }, { signal });
    const joining = join(directory, 'joining.kubeconfig');
    const { server, ca } = connection;
    const asToken = { server, ca, token: `${token.id}.${token.secret}` };
    await writeKubeconfig(joining, asToken, { cluster: 'slipway', user: 'joining' });
    await start(
      'controllers',
      `--data-dir=${join(directory, 'controllers')}`,
      `--kubeconfig=${admin}`,
      `--pki-dir=${join(directory, 'api/pki')}`,
      `--cluster-signing-duration=${validSeconds}s`,
      podRange,
    );
    const agentFlags = [`--data-dir=${join(directory, 'node')}`, `--node-name=${nodeName}`, serviceRange, podRange];
    await start('agent', `--kubeconfig=${joining}`, '--agent-port=0', ...agentFlags);
  });
  afterAll(async () => {
    for (const role of roles.toReversed()) await role.end('SIGTERM');
    transport.close();
    await run(slipwayBin, ['down', `--data-dir=${join(directory, 'node')}`, serviceRange, podRange]);
    await rm(directory, { recursive: true, force: true });
  });

  const node = (): Promise<Node> => client().get(kinds.nodes, { name: nodeName }, { signal });
  const lease = (): Promise<Lease> =>
    client().get(kinds.leases, { namespace: 'kube-node-lease', name: nodeName }, { signal });
  const kept = async (file: string) =>
    new X509Certificate(await readFile(join(directory, `node/agent-pki/${file}.crt`)));
  /** The serial number of what the agent shows, when the cluster's authority signed it. */
  const shown = async () => {
    const { status } = await node();
    const host = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
    const port = status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
    const { ca, cert, key } = await loadKubeconfig(join(directory, 'api/admin.kubeconfig'));
    return new Promise<string>((resolve, reject) => {
      const socket = connect({ host, port, ca, cert, key }, () => {
        resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
        socket.destroy();
      });
      socket.once('error', reject);
    });
  };

  it('shows what the cluster signed, renews it and its own identity, and goes on after the first ones have ended', async () => {
    const firstShown = await eventually('the agent shows a certificate of the cluster', shown);
    const first = await kept('client');
    expect(Date.parse(first.validTo) - Date.parse(first.validFrom)).toBeLessThan((validSeconds + 2) * 1000);
    const after = Date.parse(first.validTo) + 1_000;
    await eventually('the node is told of after the first certificate has ended', async () => {
      const renewed = Date.parse((await lease()).spec.renewTime ?? '');
      if (renewed < after) throw new Error(`${renewed} < ${after}`);
    });
    expect((await kept('client')).serialNumber).not.toBe(first.serialNumber);
    expect(await eventually('what the agent shows still holds', shown)).not.toBe(firstShown);
    expect((await node()).metadata.annotations ?? {}).not.toHaveProperty('slipway.dev/agent-authority');
    expect(roles.every((role) => role.isRunning)).toBe(true);
  });
});

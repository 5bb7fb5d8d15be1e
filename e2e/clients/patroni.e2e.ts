/** Patroni: two PostgreSQL servers elect a leader by annotations of a ConfigMap, and keep it while the API server is killed. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';

const programs = '/usr/lib/postgresql/15/bin';
const missing =
  missingCapability({ root: true, programs: ['patroni'] }) ?? (existsSync(programs) ? undefined : 'postgresql-15');

describeWith(missing, 'patroni', () => {
  let cluster: Cluster;
  let folder: string;
  const members: ChildProcess[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-patroni-'));
    const { uid, gid } = idsOf('postgres');
    await chown(folder, uid, gid);
    cluster = await newCluster({ agent: false, flags: ['--secure-port', String(await freePort())] });
    await cluster.up();
    await mkdir(join(folder, '.kube'), { mode: 0o755 });
    await copyFile(cluster.kubeconfig, join(folder, '.kube/config'));
    await chown(join(folder, '.kube/config'), uid, gid);
    const context = (await cluster.kubectl(['config', 'current-context'])).trim();
    await eventually('the default service account', () => cluster.kubectl(['get', 'serviceaccount', 'default']));
    for (const name of ['patroni-0', 'patroni-1']) {
      await cluster.kubectl(['run', name, '--image=registry.example/patroni:1', '--labels=app=patroni,cluster=demo']);
      const path = join(folder, `${name}.yaml`);
      await writeFile(path, JSON.stringify(await settings({ name, context, folder })));
      members.push(spawn('patroni', [path], { uid, gid, env: { ...process.env, HOME: folder }, stdio: 'ignore' }));
    }
  });

  afterAll(async () => {
    for (const member of members) await ended(member);
    await cluster.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const leader = async () => JSON.parse(await cluster.kubectl(['get', 'cm', 'demo-leader', '-o', 'json'])) as Leader;
  const replicas = () => cluster.kubectl(['get', 'pods', '-l', 'cluster=demo,role=replica', '-o', 'name']);

  it('elects a leader and keeps it while the API server is killed and comes back', async () => {
    const before = await eventually('a leader', leader, 60_000);
    await eventually('a replica', async () => expect(await replicas()).not.toBe(''), 60_000);
    await cluster.end('SIGKILL');
    await cluster.up();
    const { renewTime } = (await leader()).metadata.annotations;
    await eventually('the lock is renewed', async () => {
      const { annotations } = (await leader()).metadata;
      expect(annotations.renewTime).not.toBe(renewTime);
      expect(annotations.leader).toBe(before.metadata.annotations.leader);
    });
  });

  it('elects the other one when the leader dies', async () => {
    const { leader: dead } = (await leader()).metadata.annotations;
    await ended(members[dead === 'patroni-0' ? 0 : 1], 'SIGTERM');
    await eventually(
      'another leader',
      async () =>
        expect((await leader()).metadata.annotations.leader).toBe(dead === 'patroni-0' ? 'patroni-1' : 'patroni-0'),
      60_000,
    );
  });
});

interface Leader {
  readonly metadata: { readonly annotations: { readonly leader: string; readonly renewTime: string } };
}

async function ended(child: ChildProcess | undefined, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await exited;
}

function idsOf(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function settings({ name, context, folder }: { name: string; context: string; folder: string }) {
  const rest = `127.0.0.1:${await freePort()}`;
  const postgres = `127.0.0.1:${await freePort()}`;
  return {
    scope: 'demo',
    namespace: 'default',
    name,
    restapi: { listen: rest, connect_address: rest },
    kubernetes: {
      context,
      use_endpoints: false,
      labels: { app: 'patroni' },
      scope_label: 'cluster',
      pod_ip: '127.0.0.1',
    },
    bootstrap: {
      dcs: { ttl: 20, loop_wait: 1, retry_timeout: 6 },
      initdb: [{ encoding: 'UTF8' }],
      pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust', 'local all all trust'],
    },
    postgresql: {
      listen: postgres,
      connect_address: postgres,
      data_dir: join(folder, name),
      bin_dir: programs,
      authentication: {
        replication: { username: 'replicator', password: 'test' },
        superuser: { username: 'postgres', password: 'test' },
      },
      parameters: { unix_socket_directories: folder, fsync: 'off' },
    },
  };
}

import { join } from 'node:path';
import { isStatus } from '@slipway/api/status-error';
import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { eventually } from '../harness/eventually.ts';
import { type ClusterOfProcesses, startClusterOfProcesses } from './cluster-of-processes.ts';
import { RoleProcess } from './server-process.ts';

const lease = { namespace: 'kube-system', name: 'kube-controller-manager' };
const { signal } = new AbortController();

describeWith(missingCapability({ programs: ['etcd', 'etcdctl'] }), 'two controller processes behind a balancer', () => {
  let cluster: ClusterOfProcesses;
  let controllers: readonly [RoleProcess, RoleProcess];
  beforeAll(async () => {
    cluster = await startClusterOfProcesses();
    const role = (name: string) => {
      const flags = { 'data-dir': join(cluster.directory, name), kubeconfig: cluster.kubeconfig, 'log-level': 'warn' };
      return new RoleProcess(['controllers', ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)]);
    };
    controllers = [role('controllers-0'), role('controllers-1')];
    await controllers[0].start();
    await controllers[1].start('started');
  });
  afterAll(async () => {
    await Promise.all(controllers.map((process) => process.end('SIGKILL')));
    await cluster.stop();
  });

  const client = () => new Client(cluster.transports[2] as (typeof cluster.transports)[number]);
  const spec = async () => (await client().get(kinds.leases, lease, { signal })).spec;

  async function replicate(name: string): Promise<void> {
    const labels = { app: name };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
    const metadata = { namespace: 'default', name };
    const draft = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata };
    const replicaSet = { ...draft, spec: { replicas: 3, selector: { matchLabels: labels }, template } };
    // The balancer's connections die with the server behind them.
    await eventually(`${name} is created`, () =>
      client()
        .create(kinds.replicaSets, replicaSet, { signal })
        .catch((error: unknown) => {
          if (!isStatus(error, 'AlreadyExists')) throw error;
        }),
    );
    await eventually(
      `${name} has three pods`,
      async () => {
        const { items } = await client().list(kinds.pods, {
          namespace: 'default',
          labelSelector: `app=${name}`,
          signal,
        });
        if (items.length !== 3) throw new Error(`${items.length}`);
      },
      45_000,
    );
  }

  it('let one lead, and the other go on when it is killed', async () => {
    await replicate('before');
    const first = await spec();
    await controllers[0].end('SIGKILL');
    const killedMs = performance.now();
    await replicate('after');
    process.stderr.write(
      `controllers: the second had made pods ${Math.round(performance.now() - killedMs)} ms after the kill\n`,
    );
    const second = await spec();
    expect(second.holderIdentity).not.toBe(first.holderIdentity);
    expect(second.leaseTransitions).toBe((first.leaseTransitions ?? 0) + 1);
    await controllers[1].ready();
  });

  it('go on through the death of the server that they talked to', async () => {
    await cluster.servers[0].end('SIGKILL');
    await replicate('one-server');
    await cluster.servers[0].start();
    await cluster.servers[1].end('SIGKILL');
    await replicate('other-server');
    expect(controllers[1].isRunning).toBe(true);
  });
});

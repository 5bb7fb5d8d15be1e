import { join } from 'node:path';
import type { Pod } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { createHttpTransport, type HttpTransport } from '@slipway/client/http-transport';
import { kinds } from '@slipway/client/kinds';
import { loadKubeconfig } from '@slipway/client/kubeconfig';
import { systemClock } from '@slipway/kit/clock';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { slipwayBin } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import { run } from '../harness/kubectl.ts';
import { type ClusterOfProcesses, startClusterOfProcesses } from './cluster-of-processes.ts';
import { RoleProcess } from './server-process.ts';

const { signal } = new AbortController();
/** What the promise of two seconds may become on a machine that has much else to do. */
const busyMs = 8_000;
const nodeName = 'known-servers';
const ranges = ['--service-cluster-ip-range=172.29.241.0/24', '--cluster-cidr=10.242.0.0/16'];

/** No balancer stands between: the roles were told of both servers. */
describeWith(
  missingCapability({ ...containerNeeds, programs: [...containerNeeds.programs, 'etcd', 'etcdctl'] }),
  'an agent and controllers that know two API servers',
  () => {
    let cluster: ClusterOfProcesses;
    let roles: RoleProcess[];
    let agentFlags: string[];
    let transport: HttpTransport;
    beforeAll(async () => {
      cluster = await startClusterOfProcesses();
      const [server = '', ...otherServers] = cluster.urls;
      const connection = { ...(await loadKubeconfig(cluster.kubeconfig)), server, otherServers };
      transport = createHttpTransport({ connection, clock: systemClock });
      const flagsOf = (name: string) => [
        `--data-dir=${join(cluster.directory, name)}`,
        `--kubeconfig=${cluster.kubeconfig}`,
        `--server=${cluster.urls.join(',')}`,
        '--log-level=warn',
      ];
      agentFlags = [...flagsOf('node'), `--node-name=${nodeName}`, ...ranges];
      const controllers = new RoleProcess(['controllers', ...flagsOf('controllers'), '--cluster-cidr=10.242.0.0/16']);
      roles = [controllers, new RoleProcess(['agent', ...agentFlags, '--agent-port=0'])];
      await Promise.all(roles.map((role) => role.start()));
      await eventually('the node is ready', async () => {
        const node = await client().get(kinds.nodes, { name: nodeName }, { signal });
        const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
        if (ready?.status !== 'True') throw new Error(ready?.message ?? 'no condition');
      });
    });
    afterAll(async () => {
      await Promise.all(roles.map((role) => role.end('SIGTERM')));
      await run(slipwayBin, ['down', `--data-dir=${join(cluster.directory, 'node')}`, ...ranges]);
      transport.close();
      await cluster.stop();
    });

    const client = () => new Client(transport);

    /** Milliseconds until controllers and agent have each done what only they do. */
    async function work(name: string): Promise<{ readonly controllersMs: number; readonly agentMs: number }> {
      const startedMs = performance.now();
      const metadata = { namespace: 'default', name };
      const template = { metadata: { labels: { name } }, spec: { containers: [{ name: 'c', image: 'absent:1' }] } };
      const set = {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata,
        spec: { replicas: 1, selector: { matchLabels: { name } }, template },
      };
      const pod: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { namespace: 'default', name: `${name}-bound` },
        spec: { nodeName, containers: [{ name: 'c', image: 'absent:1', imagePullPolicy: 'Never' }] },
      };
      const until = (what: string, isDone: () => Promise<boolean>) =>
        eventually(what, async () => {
          if (!(await isDone())) throw new Error('not yet');
          return performance.now() - startedMs;
        });
      const created = async () => {
        await Promise.allSettled([
          client().create(kinds.replicaSets, set, { signal }),
          client().create(kinds.pods, pod, { signal }),
        ]);
        const { items } = await client().list(kinds.pods, { namespace: 'default', signal });
        return items;
      };
      const [controllersMs, agentMs] = await Promise.all([
        until(`${name}: a controller made a pod`, async () =>
          (await created()).some(({ metadata }) => metadata.labels?.name === name),
        ),
        until(`${name}: the agent wrote a status`, async () =>
          (await created()).some(
            (made) => made.metadata.name === pod.metadata.name && !!made.status?.containerStatuses,
          ),
        ),
      ]);
      return { controllersMs, agentMs };
    }

    it('go on when the one that they talk to is killed, falls silent, or ends', async () => {
      process.stderr.write(`ms until controllers and agent had worked, calm: ${figures(await work('calm'))}\n`);
      for (const [fault, server] of [
        ['SIGKILL', 0],
        ['SIGSTOP', 1],
        ['SIGTERM', 0],
        ['SIGKILL', 1],
      ] as const) {
        const askedMs = performance.now();
        await cluster.servers[server].signal(fault);
        // The watches of agent and controllers do not keep a server that was asked to end.
        expect(performance.now() - askedMs).toBeLessThan(busyMs);
        const done = await work(`${fault}-${server}`.toLowerCase());
        process.stderr.write(`${fault} server ${server}: ${figures(done)}\n`);
        expect(Math.max(done.controllersMs, done.agentMs)).toBeLessThan(busyMs);
        if (fault === 'SIGSTOP') await cluster.servers[server].signal('SIGCONT');
        else await cluster.servers[server].start();
      }
      expect(roles.map((role) => role.isRunning)).toEqual([true, true]);
    });
  },
);

const figures = ({ controllersMs, agentMs }: { readonly controllersMs: number; readonly agentMs: number }) =>
  `${Math.round(controllersMs)} and ${Math.round(agentMs)}`;

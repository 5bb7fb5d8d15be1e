/** Controllers that start over a world at rest, as after a restart or a change of leaders, read it and leave it as it is. */
import type { Deployment } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { createControllerManager } from '@slipway/controllers';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { RequestCounts } from './counting-transport.ts';
import { startScriptedAgent } from './scripted-agent.ts';

const settled = 80;

describe('a resync', () => {
  let plane: ControlPlane;
  let stopAgent: () => Promise<void>;

  beforeAll(async () => {
    plane = await startControlPlane();
    stopAgent = startScriptedAgent(plane);
    await addNodes(plane, ['n0', 'n1', 'n2']);
  });

  afterAll(async () => {
    await stopAgent();
    await plane.stop();
  });

  const web = (name: string): Deployment => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'default', name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    },
  });
  const isComplete = (deployment: Deployment | undefined) =>
    deployment?.status?.conditions?.find(({ type }) => type === 'Progressing')?.reason === 'NewReplicaSetAvailable';

  it(`of ${settled} settled deployments, their services and budgets writes nothing`, async () => {
    const { client, signal, server, manager } = plane;
    const names = Array.from({ length: settled }, (_, i) => `web-${i}`);
    for (const name of names) {
      await client.create(kinds.deployments, web(name), { signal });
      if (Number(name.slice(4)) % 10 !== 0) continue;
      const selector = { app: name };
      await client.create(
        kinds.services,
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { namespace: 'default', name },
          spec: { selector, ports: [{ port: 80 }] },
        },
        { signal },
      );
      await client.create(
        kinds.podDisruptionBudgets,
        {
          apiVersion: 'policy/v1',
          kind: 'PodDisruptionBudget',
          metadata: { namespace: 'default', name },
          spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
        },
        { signal },
      );
    }
    for (const name of names) await plane.until(kinds.deployments, { namespace: 'default', name }, isComplete);
    while (!manager.isIdle) await systemClock.sleep(5, signal);

    const counts = new RequestCounts();
    const stopping = new AbortController();
    const again = createControllerManager({
      transport: counts.through(server.transport({ name: 'kubernetes-admin', groups: ['system:masters'] })),
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      config: { resources: server.resources, caPem: server.pki.caCertificate, clusterCidr: '10.64.0.0/16' },
    });
    const running = again.run(stopping.signal);
    await again.ready;
    const controllers = again.caches.of(kinds.deployments);
    expect(controllers.size).toBe(settled);
    // Every key has run when all queues are empty; one write of anybody would have been counted before.
    while (!again.isIdle) await systemClock.sleep(5, signal);
    stopping.abort();
    await running;
    // Nodes of the last minute are told of by whoever sees them.
    const writes = counts.all.filter(([name]) => !/^(get|list) |^create events$/.test(name));
    expect(writes).toEqual([]);
  });
});

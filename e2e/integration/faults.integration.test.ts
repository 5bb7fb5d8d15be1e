import { StatusError } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { Deployment } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { type Clock, systemClock } from '@slipway/kit/clock';
import { seededRandom } from '@slipway/kit/random';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { type Faults, faultyTransport } from './faulty-transport.ts';
import { startScriptedAgent } from './scripted-agent.ts';

const web = (replicas: number): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { namespace: 'default', name: 'web' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
  },
});

const ref = { namespace: 'default', name: 'web' };

function isComplete(deployment: Deployment | undefined): boolean {
  const { status, spec, metadata } = deployment ?? {};
  return (
    status?.availableReplicas === spec?.replicas &&
    status?.updatedReplicas === spec?.replicas &&
    status?.replicas === spec?.replicas &&
    status?.observedGeneration === metadata?.generation
  );
}

/** Until the controllers have nothing to do and the pods are as many as said. */
async function podsSettle({ manager }: ControlPlane, count: number): Promise<void> {
  const cache = manager.caches.of(kinds.pods);
  await new Promise<void>((resolve) => {
    cache.when(() => cache.list().filter(({ metadata }) => !metadata.deletionTimestamp).length === count, resolve);
  });
}

describe('controllers in trouble', () => {
  let stop = async () => {};
  afterEach(() => stop());

  async function start(through: (plain: Transport) => Transport, clock = systemClock): Promise<ControlPlane> {
    const plane = await startControlPlane({ through, controllerClock: clock });
    const stopAgent = startScriptedAgent(plane);
    stop = async () => {
      await stopAgent();
      await plane.stop();
    };
    return plane;
  }

  const troubles: readonly (readonly [string, Faults, number])[] = [
    ['lost requests, lost answers and cut watches', { refused: 0.2, answerLost: 0.2, watchCut: 0.1 }, 1],
    ['lost requests, lost answers and cut watches', { refused: 0.2, answerLost: 0.2, watchCut: 0.1 }, 2],
    ['conflicts', { conflict: 0.1 }, 3],
    ['watches whose history is gone', { watchCut: 0.3, watchExpired: 0.5 }, 4],
    ['a server that is too busy', { throttled: 0.1 }, 5],
  ];
  it.each(troubles)('arrive in spite of %s (%j, seed %i)', async (_, faults, seed) => {
    const random = seededRandom(seed);
    const hurt: ReturnType<typeof faultyTransport>[] = [];
    const through = (plain: Transport) => {
      const faulty = faultyTransport(plain, faults, random);
      hurt.push(faulty);
      return faulty.transport;
    };
    const heal = () => {
      for (const faulty of hurt) faulty.heal();
    };
    const plane = await start(through);
    const { client, signal } = plane;
    await addNodes(plane, ['n0', 'n1']);
    await client.create(kinds.deployments, web(12), { signal });
    await plane.until(
      kinds.replicaSets,
      { namespace: 'default', name: '' },
      () => plane.manager.caches.list(kinds.pods).length > 4,
    );
    const image = { spec: { template: { spec: { containers: [{ name: 'web', image: 'web:2' }] } } } };
    await client.patch(kinds.deployments, ref, image, { signal, type: 'strategic' });
    await plane.until(kinds.deployments, ref, (found) => (found?.status?.updatedReplicas ?? 0) > 3);
    heal();
    await plane.until(kinds.deployments, ref, isComplete);
    await podsSettle(plane, 12);
    for (const fault of Object.keys(faults) as (keyof Faults)[])
      expect(Math.max(...hurt.map(({ struck }) => struck.get(fault) ?? 0))).toBeGreaterThan(0);
    const images = plane.manager.caches.list(kinds.pods).filter(({ metadata }) => !metadata.deletionTimestamp);
    expect(images.map(({ spec }) => spec.containers[0]?.image)).toEqual(Array(12).fill('web:2'));
  });

  it('go on while the wall clock is set forwards and back', async () => {
    let offsetMs = 0;
    const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + offsetMs };
    const plane = await start((plain) => plain, clock);
    const { client, signal } = plane;
    await addNodes(plane, ['n0', 'n1']);
    await client.create(kinds.deployments, web(4), { signal });
    await plane.until(kinds.deployments, ref, isComplete);
    for (const [i, jumpMs] of [3_600_000, -7_200_000, 60_000].entries()) {
      offsetMs += jumpMs;
      // Wakes those who judge nodes and pods.
      for (const name of ['n0', 'n1']) {
        const labels = { metadata: { labels: { jump: String(i) } } };
        await client.patch(kinds.nodes, { name }, labels, { signal });
      }
      await client.patch(kinds.deployments, ref, { spec: { replicas: 6 + i } }, { signal });
      await plane.until(kinds.deployments, ref, (found) => found?.spec.replicas === 6 + i && isComplete(found));
    }
    await podsSettle(plane, 8);
    const nodes = plane.manager.caches.list(kinds.nodes);
    expect(nodes.map(({ status }) => status?.conditions?.find(({ type }) => type === 'Ready')?.status)).toEqual([
      'True',
      'True',
    ]);
    expect(nodes.flatMap(({ spec }) => spec.taints ?? [])).toEqual([]);
  });

  it('say why pods cannot be made, and take it back when they can', async () => {
    let isForbidden = true;
    const through = (plain: Transport): Transport => ({
      ...plain,
      send: (request, signal) => {
        if (isForbidden && request.verb === 'create' && request.path.resource === 'pods' && !request.path.subresource) {
          return Promise.reject(new StatusError('Forbidden', 'pods "web" is forbidden: exceeded quota'));
        }
        return plain.send(request, signal);
      },
    });
    const plane = await start(through);
    const { client, signal } = plane;
    await addNodes(plane, ['n0']);
    await client.create(kinds.deployments, web(2), { signal });
    const failing = await plane.until(
      kinds.deployments,
      ref,
      (found) =>
        !!found?.status?.conditions?.some(({ type, status }) => type === 'ReplicaFailure' && status === 'True'),
    );
    const condition = failing?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
    expect(condition).toMatchObject({ reason: 'FailedCreate', message: 'pods "web" is forbidden: exceeded quota' });
    isForbidden = false;
    const mended = await plane.until(kinds.deployments, ref, isComplete);
    const left = await plane.until(
      kinds.deployments,
      ref,
      (found) => !found?.status?.conditions?.some(({ type }) => type === 'ReplicaFailure'),
    );
    expect(mended && left).toBeDefined();
  });
});

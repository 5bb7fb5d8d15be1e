import { StatusError } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { Deployment } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { seededRandom } from '@slipway/kit/random';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { faultyTransport } from './faulty-transport.ts';
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

  async function start(through: (plain: Transport) => Transport): Promise<ControlPlane> {
    const plane = await startControlPlane({ through });
    const stopAgent = startScriptedAgent(plane);
    stop = async () => {
      await stopAgent();
      await plane.stop();
    };
    return plane;
  }

  it.each([1, 2, 3])('arrive in spite of lost requests, lost answers and cut watches (seed %i)', async (seed) => {
    let heal = () => {};
    const through = (plain: Transport) => {
      const faulty = faultyTransport(plain, { refused: 0.2, answerLost: 0.2, watchCut: 0.1 }, seededRandom(seed));
      heal = faulty.heal;
      return faulty.transport;
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
    const images = plane.manager.caches.list(kinds.pods).filter(({ metadata }) => !metadata.deletionTimestamp);
    expect(images.map(({ spec }) => spec.containers[0]?.image)).toEqual(Array(12).fill('web:2'));
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

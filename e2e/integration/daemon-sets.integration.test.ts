import type { DaemonSet, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { imageOf, imagePatch, isReady, missingImage, templateOf, WorkloadWorld } from './workload-world.ts';

const { daemonSets, nodes, pods } = kinds;

describe('daemon sets on the real server', () => {
  let world: WorkloadWorld;

  beforeAll(async () => {
    world = await WorkloadWorld.start(['n0', 'n1', 'n2']);
  });

  afterAll(() => world.stop());

  async function aSet(more: Partial<DaemonSet['spec']> = {}) {
    const namespace = await world.namespace();
    const ref = { namespace, name: 'log' };
    await world.create(daemonSets, {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: ref,
      spec: { selector: { matchLabels: { app: 'log' } }, template: templateOf('log'), ...more },
    });
    const onNodes = (wanted: readonly string[], holds: (pod: Pod) => boolean = isReady) =>
      world.untilPods(
        namespace,
        (found) => `${found.map(({ spec }) => spec.nodeName).toSorted()}` === `${wanted}` && found.every(holds),
      );
    const status = (holds: (status: NonNullable<DaemonSet['status']>) => boolean) =>
      world.until(
        daemonSets,
        ref,
        (set) => set?.status && set.status.observedGeneration === set.metadata.generation && holds(set.status),
      );
    return { namespace, ref, onNodes, status };
  }

  it('runs a pod on every node, brings back one that is deleted or fails, and takes all away with itself', async () => {
    const { namespace, ref, onNodes } = await aSet();
    const [first, second] = await onNodes(['n0', 'n1', 'n2']);
    await world.remove(pods, { namespace, name: first?.metadata.name ?? '' });
    await onNodes(['n0', 'n1', 'n2']);
    if (second) await world.evict(second);
    await world.until(pods, { namespace, name: second?.metadata.name ?? '' }, (pod) => pod === undefined);
    await onNodes(['n0', 'n1', 'n2']);
    await world.told(namespace, 'FailedDaemonPod', 1);
    await world.remove(daemonSets, ref);
    await world.untilPods(namespace, (found) => found.length === 0);
  });

  it('follows the labels and taints of nodes', async () => {
    const template = templateOf('log');
    const spec = { ...template.spec, containers: template.spec?.containers ?? [], nodeSelector: { disk: 'ssd' } };
    const { onNodes, status } = await aSet({ template: { ...template, spec } });
    await status(({ desiredNumberScheduled }) => desiredNumberScheduled === 0);
    await world.patch(nodes, { name: 'n1' }, { metadata: { labels: { disk: 'ssd' } } });
    await onNodes(['n1']);
    await world.patch(nodes, { name: 'n1' }, { spec: { taints: [{ key: 'full', effect: 'NoSchedule' }] } });
    await status(({ numberMisscheduled }) => numberMisscheduled === 1);
    await onNodes(['n1']);
    await world.patch(nodes, { name: 'n1' }, { spec: { taints: null }, metadata: { labels: { disk: 'hdd' } } });
    await onNodes([]);
  });

  it('goes over to another template node by node, remembers both, and goes back', async () => {
    const { client, signal } = world.plane;
    const { namespace, ref, onNodes, status } = await aSet();
    await onNodes(['n0', 'n1', 'n2']);
    await world.patch(daemonSets, ref, imagePatch('log:2'), { type: 'strategic' });
    await onNodes(['n0', 'n1', 'n2'], (pod) => imageOf(pod) === 'log:2' && isReady(pod));
    const done = await status(
      ({ updatedNumberScheduled, numberAvailable }) => updatedNumberScheduled === 3 && numberAvailable === 3,
    );
    expect(done?.status?.numberUnavailable).toBeUndefined();
    const { items } = await client.list(kinds.controllerRevisions, { namespace, labelSelector: 'app=log', signal });
    const former = items.find(({ revision }) => revision === 1);
    await world.patch(daemonSets, ref, former?.data, { type: 'strategic' });
    await onNodes(['n0', 'n1', 'n2'], (pod) => imageOf(pod) === 'log:1' && isReady(pod));
  });

  it('stops at the first node where a template does not work, and gets past it when that is corrected', async () => {
    const { ref, namespace, onNodes } = await aSet();
    await onNodes(['n0', 'n1', 'n2']);
    await world.patch(daemonSets, ref, imagePatch(missingImage), { type: 'strategic' });
    await world.untilPods(namespace, (found) =>
      found.some((pod) => imageOf(pod) === missingImage && pod.spec.nodeName),
    );
    expect(world.pods(namespace).filter((pod) => imageOf(pod) === missingImage)).toHaveLength(1);
    await world.patch(daemonSets, ref, imagePatch('log:2'), { type: 'strategic' });
    await onNodes(['n0', 'n1', 'n2'], (pod) => imageOf(pod) === 'log:2' && isReady(pod));
  });

  it('with surge, starts the new pod of a node before the former goes', async () => {
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
    const { ref, namespace, onNodes } = await aSet({ updateStrategy });
    await onNodes(['n0', 'n1', 'n2']);
    let fewest = 3;
    const watch = world.plane.manager.caches.of(pods).subscribe(() => {
      fewest = Math.min(fewest, world.pods(namespace).filter(isReady).length);
    });
    await world.patch(daemonSets, ref, imagePatch('log:2'), { type: 'strategic' });
    await onNodes(['n0', 'n1', 'n2'], (pod) => imageOf(pod) === 'log:2' && isReady(pod));
    watch();
    expect(fewest).toBe(3);
  });

  it('has its status read, written and counted anew, and goes with others of its labels', async () => {
    const { client, signal } = world.plane;
    const { namespace, ref, onNodes, status } = await aSet();
    await onNodes(['n0', 'n1', 'n2']);
    const counted = await status(({ numberReady }) => numberReady === 3);
    expect(counted?.status).toEqual({
      ...{ currentNumberScheduled: 3, desiredNumberScheduled: 3, numberMisscheduled: 0, numberReady: 3 },
      ...{ numberAvailable: 3, updatedNumberScheduled: 3, observedGeneration: 1 },
    });
    const condition = { type: 'Checked', status: 'True', reason: 'Test', message: 'by a test' };
    await world.patch(
      daemonSets,
      ref,
      { status: { numberReady: 7, conditions: [condition] } },
      { subresource: 'status' },
    );
    await status(({ numberReady, conditions }) => numberReady === 3 && conditions?.[0]?.reason === 'Test');
    await world.patch(daemonSets, ref, { metadata: { labels: { team: 'a' } } });
    await client.deleteCollection(daemonSets, { namespace, labelSelector: 'team=a', signal });
    await world.untilPods(namespace, (found) => found.length === 0);
  });
});

import type { DaemonSet, Node, Pod, Taint } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import fc from 'fast-check';
import { indexOn } from '../../runtime/controller-definition.ts';
import { orphanIndex, orphanNamespace } from '../../runtime/owner.ts';
import { aDaemonSet, aNode, aPod, withImage } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { hashOf, nodeOf } from './daemon-pod.ts';
import { FailedPods } from '../failed-pods.ts';
import { NodeRules } from './node-rules.ts';
import { observeDaemonSet } from './observe.ts';
import { planDaemonSet } from './plan.ts';

const key = 'shop/web';

function aWorld(nodes: readonly string[], more: Partial<DaemonSet['spec']> = {}) {
  const world = new PlanWorld([
    indexOn(kinds.pods, orphanIndex, orphanNamespace),
    indexOn(kinds.controllerRevisions, orphanIndex, orphanNamespace),
  ]);
  const memory = { rules: new NodeRules(), failures: new FailedPods() };
  world.put(kinds.daemonSets, aDaemonSet(more));
  for (const name of nodes) world.put(kinds.nodes, aNode(name, 'True'));
  const decider = { observe: (k: string) => observeDaemonSet(k, world, memory, world.nowMs), plan: planDaemonSet };
  const set = () => world.get(kinds.daemonSets, key) as DaemonSet;
  const look = () => world.look(decider, kinds.daemonSets, key);
  const change = (spec: Partial<DaemonSet['spec']>) => {
    const { metadata } = set();
    const generation = (metadata.generation ?? 0) + 1;
    world.put(kinds.daemonSets, { ...set(), metadata: { ...metadata, generation }, spec: { ...set().spec, ...spec } });
  };
  const pods = () => world.list(kinds.pods);
  const on = (node: string) => pods().filter((pod) => nodeOf(pod) === node);
  const report = (pod: Pod, status: Pod['status']) =>
    world.put(kinds.pods, { ...pod, spec: { ...pod.spec, nodeName: nodeOf(pod) ?? '' }, status });
  const ready = (pod: Pod) => report(pod, aPod({ ready: true, readySinceMs: world.nowMs }).status);
  const reshape = (name: string, change: Partial<Node>) =>
    world.put(kinds.nodes, { ...(world.get(kinds.nodes, name) as Node), ...change });
  /** Looks and makes every pod ready until nothing happens any more. */
  const run = () => {
    for (let i = 0; i < 200; i++) {
      const plan = look();
      const starting = pods().filter(({ status }) => status?.phase !== 'Running' || !status.conditions);
      starting.forEach(ready);
      if (plan?.steps.length === 0 && starting.length === 0) return plan;
    }
    throw new Error('does not come to rest');
  };
  const images = () => pods().map(({ spec }) => spec.containers[0]?.image);
  return { world, decider, set, look, change, pods, on, report, ready, reshape, run, images };
}

const surging = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } };
const taint = (effect: string): Taint => ({ key: 'gpu', value: 'yes', effect });

describe('planDaemonSet', () => {
  it('puts a pod on each node, by an affinity to its name, with what every daemon tolerates', () => {
    const { look, pods, on, run, set } = aWorld(['a', 'b']);
    look();
    expect(pods()).toHaveLength(2);
    const [pod] = on('a');
    expect(pod?.spec.nodeName).toBeUndefined();
    expect(pod?.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution).toEqual({
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] }],
    });
    expect(pod?.spec.tolerations?.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
      'node.kubernetes.io/not-ready:NoExecute',
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/disk-pressure:NoSchedule',
      'node.kubernetes.io/memory-pressure:NoSchedule',
      'node.kubernetes.io/pid-pressure:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
    ]);
    run();
    expect(set().status).toEqual({
      currentNumberScheduled: 2,
      numberMisscheduled: 0,
      desiredNumberScheduled: 2,
      numberReady: 2,
      observedGeneration: 1,
      updatedNumberScheduled: 2,
      numberAvailable: 2,
    });
  });

  it('follows nodes that come, and leaves pods of nodes that went to the garbage collector unless they were never bound', () => {
    const { world, look, run, pods, on, ready } = aWorld(['a', 'b']);
    look();
    on('a').forEach(ready);
    world.remove(kinds.nodes, 'a');
    world.remove(kinds.nodes, 'b');
    world.put(kinds.nodes, aNode('c', 'True'));
    run();
    expect(pods().map(nodeOf).sort()).toEqual(['a', 'c']);
  });

  it.each<[string, Partial<Node>, number]>([
    ['a taint that keeps new pods away', { spec: { taints: [taint('NoSchedule')] } }, 1],
    ['a taint that drives pods out', { spec: { taints: [taint('NoExecute')] } }, 0],
    ['a taint that is tolerated', { spec: { taints: [{ key: 'mine', effect: 'NoExecute' }] } }, 1],
    [
      'being unschedulable',
      {
        spec: { unschedulable: true, taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] },
      },
      1,
    ],
    ['losing the label', { metadata: { name: 'a', labels: {} } }, 0],
  ])('%s on a node with a pod leaves %j: %i pod(s)', (_, change, left) => {
    const template = withImage('web:1');
    const spec = {
      ...template.spec,
      containers: template.spec?.containers ?? [],
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'mine', operator: 'Exists' }],
    };
    const { run, reshape, pods } = aWorld(['a'], { template: { ...template, spec } });
    reshape('a', { metadata: { name: 'a', labels: { disk: 'ssd' } } });
    run();
    expect(pods()).toHaveLength(1);
    reshape('a', change);
    run();
    expect(pods()).toHaveLength(left);
  });

  it('counts a pod that runs where none is wanted as misscheduled', () => {
    const { run, reshape, set } = aWorld(['a']);
    run();
    reshape('a', { spec: { taints: [taint('NoSchedule')] } });
    run();
    expect(set().status).toMatchObject({ desiredNumberScheduled: 0, numberMisscheduled: 1 });
  });

  it('keeps the oldest of several pods on a node', () => {
    const { world, run, on, pods } = aWorld(['a']);
    run();
    const [first] = on('a');
    if (!first) throw new Error('no pod');
    const { uid: _, ...metadata } = first.metadata;
    world.put(kinds.pods, {
      ...first,
      metadata: { ...metadata, name: 'web-second', creationTimestamp: '2026-02-01T00:00:00Z' },
    });
    run();
    expect(pods().map(({ metadata: { name } }) => name)).toEqual([first.metadata.name]);
  });

  it('replaces ended pods; those that end again and again ever more slowly', () => {
    const { world, look, on, report, pods } = aWorld(['a']);
    look();
    const waits: (number | undefined)[] = [];
    for (let i = 0; i < 5; i++) {
      const [pod] = on('a');
      if (pod) report(pod, { phase: 'Failed' });
      const plan = look();
      waits.push(plan?.again?.afterMs);
      world.nowMs += plan?.again?.afterMs ?? 0;
      if (plan?.again) look();
      expect(pods()).toEqual([]);
      look();
    }
    expect(waits).toEqual([undefined, 1000, 2000, 4000, 8000]);
    const [pod] = on('a');
    if (pod) report(pod, { phase: 'Succeeded' });
    expect(look()).toMatchObject({ steps: [], again: { afterMs: 16_000 } });
    world.nowMs += 16_000;
    look();
    expect(world.told.filter((message) => message.startsWith('Found'))).toEqual([
      ...Array(5).fill(expect.stringMatching(/^Found failed daemon pod shop\/web-\w+ on node a, will try to kill it$/)),
      expect.stringMatching(/^Found succeeded daemon pod shop\/web-\w+ on node a, will try to delete it$/),
    ]);
  });

  it('replaces one node after the other, and first what does not serve', () => {
    const { change, look, on, pods, report, run, set, images } = aWorld(['a', 'b', 'c']);
    run();
    const [broken] = on('c');
    if (broken) report(broken, { phase: 'Running' });
    change({ template: withImage('web:2') });
    look();
    expect(pods().map(nodeOf)).toEqual(['a', 'b']);
    run();
    expect(images()).toEqual(['web:2', 'web:2', 'web:2']);
    expect(set().status).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3 });
  });

  it('does not take all pods at once that are ready but not yet for minReadySeconds', () => {
    const { change, look, run, pods, world } = aWorld(['a', 'b', 'c'], { minReadySeconds: 60 });
    run();
    change({ template: withImage('web:2') });
    expect(look()?.steps.filter(({ op }) => op === 'delete')).toEqual([]);
    world.nowMs += 60_000;
    look();
    expect(pods()).toHaveLength(2);
  });

  it('with surge, the former pod goes when the current one has been ready for minReadySeconds', () => {
    const { change, look, on, ready, run, world } = aWorld(['a', 'b'], { ...surging, minReadySeconds: 5 });
    run();
    world.nowMs += 5000;
    change({ template: withImage('web:2') });
    look();
    expect([on('a').length, on('b').length]).toEqual([2, 1]);
    on('a')
      .filter(({ status }) => !status)
      .forEach(ready);
    expect(look()).toMatchObject({ steps: [], again: { afterMs: 5000 } });
    world.nowMs += 5000;
    look();
    expect(on('a').map(({ spec }) => spec.containers[0]?.image)).toEqual(['web:2']);
  });

  it('with surge, a former pod that does not serve goes as soon as the current one is there', () => {
    const { change, look, on, report, run } = aWorld(['a'], surging);
    run();
    change({ template: withImage('web:2') });
    look();
    const [former] = on('a').filter(({ status }) => status);
    if (former) report(former, { phase: 'Running' });
    look();
    expect(on('a').map(({ spec }) => spec.containers[0]?.image)).toEqual(['web:2']);
  });

  it('replaces pods of a former template only after somebody has deleted them, when so told', () => {
    const { change, world, on, run, images } = aWorld(['a', 'b'], { updateStrategy: { type: 'OnDelete' } });
    run();
    change({ template: withImage('web:2') });
    run();
    expect(images()).toEqual(['web:1', 'web:1']);
    world.remove(kinds.pods, `shop/${on('a')[0]?.metadata.name}`);
    run();
    expect(on('a')[0]?.spec.containers[0]?.image).toBe('web:2');
  });

  it('remembers templates as numbered revisions that mark their pods', () => {
    const { change, world, run, pods } = aWorld(['a'], { revisionHistoryLimit: 1 });
    run();
    for (const image of ['web:2', 'web:3', 'web:2']) {
      change({ template: withImage(image) });
      run();
    }
    const revisions = world.list(kinds.controllerRevisions).toSorted((a, b) => a.revision - b.revision);
    expect(revisions.map(({ revision }) => revision)).toEqual([3, 4]);
    expect(pods().map(hashOf)).toEqual([revisions.at(-1)?.metadata.labels?.['controller-revision-hash']]);
  });

  it('adopts pods and revisions that a deleted set has left, without a restart', () => {
    const { world, look, run, pods } = aWorld(['a', 'b']);
    run();
    const uids = pods().map(({ metadata }) => metadata.uid);
    for (const pod of pods()) {
      const { ownerReferences: _, ...metadata } = pod.metadata;
      world.put(kinds.pods, { ...pod, metadata });
    }
    for (const revision of world.list(kinds.controllerRevisions)) {
      const { ownerReferences: _, ...metadata } = revision.metadata;
      world.put(kinds.controllerRevisions, { ...revision, metadata });
    }
    world.remove(kinds.daemonSets, key);
    world.put(kinds.daemonSets, aDaemonSet());
    look();
    run();
    expect(pods().map(({ metadata }) => metadata.uid)).toEqual(uids);
    expect(world.list(kinds.controllerRevisions)).toHaveLength(1);
  });
});

describe('whatever happens', () => {
  const nodes = ['a', 'b', 'c', 'd', 'e'];
  const place = fc.constantFrom(...nodes);
  const happening = fc.oneof(
    fc.record({
      what: fc.constantFrom('ready', 'unready', 'fail', 'lose', 'taint', 'untaint', 'leave', 'join'),
      place,
    }),
    fc.record({ what: fc.constantFrom('web:1', 'web:2', 'web:3'), place }),
  );
  const bounds = fc.constantFrom(
    { maxUnavailable: 1, maxSurge: 0 },
    { maxUnavailable: '50%', maxSurge: 0 },
    { maxUnavailable: 0, maxSurge: 1 },
    { maxUnavailable: 0, maxSurge: '40%' },
  );
  const isAvailable = (pod: Pod) => pod.status?.phase === 'Running' && pod.status.conditions !== undefined;

  function let_(what: string, node: string, cluster: ReturnType<typeof aWorld>): void {
    const { world, on, ready, report, reshape, change } = cluster;
    const [pod] = on(node);
    if (what === 'ready') on(node).forEach(ready);
    else if (what === 'unready' && pod) report(pod, { phase: 'Running' });
    else if (what === 'fail' && pod) report(pod, { phase: 'Failed' });
    else if (what === 'lose' && pod) world.remove(kinds.pods, `shop/${pod.metadata.name}`);
    else if (what === 'leave') world.remove(kinds.nodes, node);
    else if (what === 'join' && !world.get(kinds.nodes, node)) world.put(kinds.nodes, aNode(node, 'True'));
    else if (what.endsWith('taint') && world.get(kinds.nodes, node)) {
      reshape(node, { spec: what === 'taint' ? { taints: [taint('NoSchedule')] } : {} });
    } else if (what.startsWith('web')) change({ template: withImage(what) });
  }

  it('no more nodes than allowed lose a pod that serves, and no node has more than one (or with surge two)', () => {
    fc.assert(
      fc.property(bounds, fc.array(happening, { maxLength: 40 }), (rollingUpdate, happenings) => {
        const cluster = aWorld(nodes, { updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
        const { world, decider, look, run, on, set } = cluster;
        run();
        for (const { what, place } of happenings) {
          let_(what, place, cluster);
          const wanted = world.list(kinds.nodes).filter(({ spec }) => !spec.taints);
          const serves = ({ metadata: { name = '' } }: Node) => on(name).some(isAvailable);
          const unserved = wanted.filter((node) => !serves(node)).length;
          look();
          const lost = wanted.filter((node) => !serves(node)).length - unserved;
          const share = (value: number | string) =>
            typeof value === 'number' ? value : Math.ceil((wanted.length * Number.parseInt(value, 10)) / 100);
          const limit = share(rollingUpdate.maxUnavailable);
          if (lost > 0) expect(unserved + lost).toBeLessThanOrEqual(limit);
          for (const { metadata } of world.list(kinds.nodes)) {
            expect(on(metadata.name ?? '').length).toBeLessThanOrEqual(rollingUpdate.maxSurge === 0 ? 1 : 2);
          }
        }
        world.nowMs += 3_600_000;
        run();
        for (const { metadata, spec } of world.list(kinds.nodes)) {
          if (!spec.taints) expect(on(metadata.name ?? '')).toHaveLength(1);
        }
        if (world.list(kinds.nodes).every(({ spec }) => !spec.taints)) {
          const onNodes = world.list(kinds.nodes).flatMap(({ metadata }) => on(metadata.name ?? ''));
          expect(new Set(onNodes.map(({ spec }) => spec.containers[0]?.image)).size).toBeLessThanOrEqual(1);
        }
        expect(set().status?.observedGeneration).toBe(set().metadata.generation);
        expectSettles(world, decider, kinds.daemonSets, key);
      }),
      { numRuns: 200 },
    );
  });
});

import type { Node, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { indexOn } from '../../runtime/controller-definition.ts';
import { aNode, aPod } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { FirstSeen } from '../first-seen.ts';
import { nodeIndex, nodeOfPod, observeNode } from './observe.ts';
import { graceMs, planNode } from './plan.ts';
import { ZoneBook } from './zones.ts';

function aCluster(...ready: readonly ('True' | 'False' | 'Unknown' | undefined)[]) {
  const world = new PlanWorld([indexOn(kinds.pods, nodeIndex, nodeOfPod)]);
  const memory = { signs: new FirstSeen(), zones: new ZoneBook() };
  world.of(kinds.nodes).subscribe((changes) => {
    for (const change of changes) memory.zones.note(change);
  });
  for (const [i, status] of ready.entries()) world.put(kinds.nodes, aNode(`n${i}`, status));
  const controller = {
    observe: (key: string) => observeNode(key, world, memory, world.nowMs),
    plan: planNode,
  };
  const look = (name = 'n0') => world.look(controller, kinds.nodes, name);
  const renew = (name: string) =>
    world.put(kinds.leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'kube-node-lease', name },
      spec: { renewTime: formatTime(world.nowMs) },
    });
  const node = (name = 'n0') => world.get(kinds.nodes, name) as Node;
  const taints = (name = 'n0') => (node(name).spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);
  const condition = (name = 'n0') => node(name).status?.conditions?.find(({ type }) => type === 'Ready');
  return { world, controller, look, renew, node, taints, condition };
}

describe('planNode', () => {
  it('leaves a node alone that renews its lease', () => {
    const { world, look, renew, condition } = aCluster('True');
    for (let i = 0; i < 6; i++) {
      renew('n0');
      expect(look()?.steps).toEqual([]);
      world.nowMs += 10_000;
    }
    expect(condition()?.status).toBe('True');
    expect(look()?.again).toEqual({ afterMs: graceMs - 10_000 });
  });

  it('declares a silent node unknown, keeps pods away and drives them out', () => {
    const { world, look, renew, condition, taints } = aCluster('True', 'True');
    renew('n0');
    look();
    world.nowMs += graceMs;
    look();
    expect(condition()).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
    expect(world.told).toContain('Node n0 status is now: NodeNotReady');
    expect(taints()).toEqual(['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute']);
  });

  it('marks the pods of a node that is not ready, so that services leave them out', () => {
    const { world, look } = aCluster('False', 'True');
    world.put(kinds.pods, aPod({ name: 'a', node: 'n0', ready: true }));
    world.put(kinds.pods, aPod({ name: 'b', node: 'n0', ready: false }));
    const patched = look()?.steps.filter((step) => step.op === 'patch' && step.kind === kinds.pods);
    expect(patched).toMatchObject([
      { target: { metadata: { name: 'a' } }, patch: { status: { conditions: [{ type: 'Ready', status: 'False' }] } } },
    ]);
    expect((world.get(kinds.pods, 'shop/a') as Pod).status?.conditions?.[0]?.status).toBe('False');
  });

  it('takes its taints away when the node is back, and leaves those of others', () => {
    const foreign = { key: 'dedicated', value: 'db', effect: 'NoSchedule' };
    const { world, look, node, taints } = aCluster('False', 'True');
    world.put(kinds.nodes, { ...node(), spec: { taints: [foreign], unschedulable: true } });
    look();
    expect(taints()).toEqual([
      'dedicated:NoSchedule',
      'node.kubernetes.io/not-ready:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
      'node.kubernetes.io/not-ready:NoExecute',
    ]);
    world.put(kinds.nodes, { ...node(), status: aNode('n0', 'True').status });
    look();
    expect(taints()).toEqual(['dedicated:NoSchedule', 'node.kubernetes.io/unschedulable:NoSchedule']);
  });

  it('gives nodes up one after another', () => {
    const { world, look, taints } = aCluster('False', 'False', 'True', 'True');
    look('n0');
    const second = look('n1');
    expect(taints('n0')).toContain('node.kubernetes.io/not-ready:NoExecute');
    expect(taints('n1')).not.toContain('node.kubernetes.io/not-ready:NoExecute');
    expect(second?.again).toEqual({ afterMs: 10_000 });
    world.nowMs += 10_000;
    look('n1');
    expect(taints('n1')).toContain('node.kubernetes.io/not-ready:NoExecute');
  });

  it('evicts from nobody when no node is ready, or most of a small zone is not', () => {
    const blackout = aCluster('False', 'Unknown');
    blackout.look('n0');
    expect(blackout.taints('n0')).toEqual(['node.kubernetes.io/not-ready:NoSchedule']);
    const outage = aCluster('False', 'False', 'False', 'True');
    outage.look('n0');
    expect(outage.taints('n0')).toEqual(['node.kubernetes.io/not-ready:NoSchedule']);
  });

  it('says of a node that never spoke that it never did', () => {
    const { world, look, condition } = aCluster(undefined, 'True');
    look();
    world.nowMs += 59_000;
    look();
    expect(condition()).toBeUndefined();
    world.nowMs += 1000;
    look();
    expect(condition()).toMatchObject({ status: 'Unknown', reason: 'NodeStatusNeverUpdated' });
  });

  it('settles', () => {
    for (const ready of ['True', 'False', 'Unknown', undefined] as const) {
      const { world, controller } = aCluster(ready, 'True');
      world.put(kinds.pods, aPod({ node: 'n0', ready: true }));
      expectSettles(world, controller, kinds.nodes, 'n0');
      world.nowMs += 100_000;
      expectSettles(world, controller, kinds.nodes, 'n0');
    }
  });
});

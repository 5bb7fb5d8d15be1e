import type { Node, NodeCondition, NodeStatus, Pod, Taint } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Plan, Step } from '../../runtime/step.ts';
import { isPodReady } from '../../workloads/pod-readiness.ts';
import type { ObservedNode } from './observe.ts';
import { isEvictionTaint, nextEvictionInMs, notReadyTaint, unreachableTaint, type Zones } from './zones.ts';

/** Silence after which a node counts as lost; it renews its lease every 10 s. */
export const graceMs = 50_000;
/** A node that never spoke is given a little longer. */
export const startUpGraceMs = 60_000;

/** Conditions that nobody knows any more when the node is silent. */
const watchedConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

/** Condition and status → taint that keeps new pods away. */
const schedulingTaints: readonly (readonly [type: string, status: string, taint: string])[] = [
  ['Ready', 'False', notReadyTaint],
  ['Ready', 'Unknown', unreachableTaint],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
];
const unschedulableTaint = 'node.kubernetes.io/unschedulable';
const ourTaints: ReadonlySet<string> = new Set([...schedulingTaints.map(([, , taint]) => taint), unschedulableTaint]);

export function planNode({ node, aliveMs, pods, zones }: ObservedNode, nowMs: number): Plan<NodeStatus> {
  const silentInMs = aliveMs + (readyOf(node) ? graceMs : startUpGraceMs) - nowMs;
  const conditions = silentInMs <= 0 ? silenced(node, nowMs) : (node.status?.conditions ?? []);
  const ready = conditions.find(({ type }) => type === 'Ready')?.status;
  const evictInMs = ready === undefined || ready === 'True' ? undefined : nextEvictionInMs(zones, nowMs);
  const taints = taintsFor(node, conditions, { zones, evictInMs, nowMs });
  const became = readyOf(node)?.status === 'True' && ready !== 'True';
  const steps: Step[] = [
    ...(became ? [notReadyEvent(node)] : []),
    ...changed(node, sameTaints(taints, node.spec.taints ?? []) ? undefined : taints),
    ...(ready === undefined || ready === 'True'
      ? []
      : pods.filter(isPodReady).flatMap((pod) => markNotReady(pod, nowMs))),
  ];
  const isSilent = silentInMs <= 0;
  const waits = [isSilent ? undefined : silentInMs, evictInMs === 0 ? undefined : evictInMs];
  const afterMs = Math.min(...waits.filter((ms) => ms !== undefined));
  return {
    steps,
    status: isSilent ? { ...node.status, conditions } : 'unchanged',
    ...(Number.isFinite(afterMs) ? { again: { afterMs } } : {}),
  };
}

function readyOf({ status }: Node): NodeCondition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}

/** What stays of the conditions of a node that is silent: that nothing is known. */
function silenced(node: Node, nowMs: number): NodeCondition[] {
  const now = formatTime(nowMs);
  const conditions = (node.status?.conditions ?? []).map((condition): NodeCondition => {
    const isWatched = watchedConditions.some((type) => type === condition.type);
    if (!isWatched || condition.status === 'Unknown') return condition;
    return {
      ...condition,
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime: now,
    };
  });
  const missing = watchedConditions.filter((type) => !conditions.some((condition) => condition.type === type));
  const never = missing.map(
    (type): NodeCondition => ({
      type,
      status: 'Unknown',
      reason: 'NodeStatusNeverUpdated',
      message: 'Kubelet never posted node status.',
      ...(node.metadata.creationTimestamp ? { lastHeartbeatTime: node.metadata.creationTimestamp } : {}),
      lastTransitionTime: now,
    }),
  );
  return [...conditions, ...never];
}

interface EvictionView {
  readonly zones: Zones;
  readonly evictInMs: number | undefined;
  readonly nowMs: number;
}

/** The node's taints with ours set right; those of others stay, and ours keep the time when they were added. */
function taintsFor(node: Node, conditions: readonly NodeCondition[], view: EvictionView): Taint[] {
  const existing = node.spec.taints ?? [];
  const foreign = existing.filter((taint) => !isOurs(taint));
  const wanted = [...schedulingTaintsFor(node, conditions), ...evictionTaints(existing, conditions, view)];
  return [...foreign, ...wanted.map((taint) => existing.find((old) => sameTaint(old, taint)) ?? dated(taint, view))];
}

function schedulingTaintsFor(node: Node, conditions: readonly NodeCondition[]): Taint[] {
  const keys = schedulingTaints
    .filter(([type, status]) => conditions.some((condition) => condition.type === type && condition.status === status))
    .map(([, , key]) => key);
  // Before its first word a node is kept empty by the taint that it was admitted with.
  const isMute = !conditions.some(({ type }) => type === 'Ready');
  const admitted = node.spec.taints?.some(({ key, effect }) => key === notReadyTaint && effect === 'NoSchedule');
  if (isMute && admitted) keys.push(notReadyTaint);
  if (node.spec.unschedulable) keys.push(unschedulableTaint);
  return keys.map((key) => ({ key, effect: 'NoSchedule' }));
}

/** Pods are driven out when the node is lost, at the pace of its zone; a node that was given up stays so. */
function evictionTaints(
  existing: readonly Taint[],
  conditions: readonly NodeCondition[],
  { zones, evictInMs }: EvictionView,
): Taint[] {
  const ready = conditions.find(({ type }) => type === 'Ready')?.status;
  if (ready === undefined || ready === 'True' || zones.isBlackout) return [];
  if (!existing.some(isEvictionTaint) && evictInMs !== 0) return [];
  return [{ key: ready === 'Unknown' ? unreachableTaint : notReadyTaint, effect: 'NoExecute' }];
}

function isOurs(taint: Taint): boolean {
  return (taint.effect === 'NoSchedule' && ourTaints.has(taint.key)) || isEvictionTaint(taint);
}

function dated(taint: Taint, { nowMs }: EvictionView): Taint {
  return { ...taint, timeAdded: formatTime(nowMs) };
}

function sameTaint(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect;
}

function sameTaints(a: readonly Taint[], b: readonly Taint[]): boolean {
  return a.length === b.length && a.every((taint) => b.some((other) => sameTaint(taint, other)));
}

/** Labels that older manifests select nodes by follow those that took their place. */
const olderLabels = [
  ['kubernetes.io/os', 'beta.kubernetes.io/os'],
  ['kubernetes.io/arch', 'beta.kubernetes.io/arch'],
] as const;

/** One patch: a second one would find the node changed. */
function changed(node: Node, taints: readonly Taint[] | undefined): Step[] {
  const { labels = {} } = node.metadata;
  const behind = olderLabels.filter(([label, older]) => labels[label] !== undefined && labels[older] !== labels[label]);
  if (!taints && behind.length === 0) return [];
  const patch = {
    ...(taints ? { spec: { taints: taints.length > 0 ? taints : null } } : {}),
    ...(behind.length > 0
      ? { metadata: { labels: Object.fromEntries(behind.map(([label, older]) => [older, labels[label]])) } }
      : {}),
  };
  return [{ op: 'patch', kind: kinds.nodes, target: node, patch }];
}

function notReadyEvent(node: Node): Step {
  const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
  return { op: 'event', about: node, type: 'Normal', reason: 'NodeNotReady', message };
}

/** Services send nothing to pods that nobody can reach. */
function markNotReady(pod: Pod, nowMs: number): Step[] {
  const condition = { type: 'Ready', status: 'False', lastTransitionTime: formatTime(nowMs) };
  return [
    {
      op: 'patch',
      kind: kinds.pods,
      target: pod,
      patch: { status: { conditions: [condition] } },
      patchType: 'strategic',
      subresource: 'status',
    },
    { op: 'event', about: pod, type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready' },
  ];
}

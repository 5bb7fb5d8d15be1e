// The row of a pod. Its status is not a field of the pod: it is the most telling reason among the pod's and its containers'.

import type { ContainerState, ContainerStatus, Pod } from '@slipway/api/types';
import { age, nameOf, since } from './cells.ts';
import { definePrinter, type RowCondition, wide } from './printer.ts';

export const podPrinter = definePrinter<Pod>(
  [
    'Name',
    'Ready',
    'Status',
    'Restarts',
    'Age',
    wide('IP'),
    wide('Node'),
    wide('Nominated Node'),
    wide('Readiness Gates'),
  ],
  (pod, nowMs) => {
    const { ready, total, reason, restarts, lastRestart } = summarise(pod);
    const restartsText =
      restarts > 0 && lastRestart !== '' ? `${restarts} (${since(lastRestart, nowMs)} ago)` : `${restarts}`;
    return [
      nameOf(pod),
      `${ready}/${total}`,
      reason,
      restartsText,
      age(pod, nowMs),
      pod.status?.podIPs?.[0]?.ip || '<none>',
      pod.spec.nodeName || '<none>',
      pod.status?.nominatedNodeName || '<none>',
      readinessGates(pod),
    ];
  },
  (pod) => completedConditions[pod.status?.phase ?? ''] ?? [],
);

const completedConditions: Record<string, readonly RowCondition[]> = {
  Succeeded: [
    { type: 'Completed', status: 'True', reason: 'Succeeded', message: 'The pod has completed successfully.' },
  ],
  Failed: [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }],
};

interface Summary {
  ready: number;
  total: number;
  reason: string;
  restarts: number;
  /** When the container that restarted last had stopped; empty when none restarted. */
  lastRestart: string;
}

function summarise(pod: Pod): Summary {
  const sidecars = new Set(
    pod.spec.initContainers?.filter((container) => container.restartPolicy === 'Always').map(({ name }) => name),
  );
  const summary: Summary = {
    ready: 0,
    total: pod.spec.containers.length + sidecars.size,
    reason: pod.status?.reason || pod.status?.phase || '',
    restarts: 0,
    lastRestart: '',
  };
  if (pod.status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated')) {
    summary.reason = 'SchedulingGated';
  }
  const initializing = addInitContainers(pod, sidecars, summary);
  if (!initializing || hasCondition(pod, 'Initialized')) addContainers(pod, sidecars, summary);
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (pod.status?.reason === 'NodeLost') summary.reason = 'Unknown';
    else if (pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed') summary.reason = 'Terminating';
  }
  return summary;
}

/** Returns whether some init container has yet to succeed. */
function addInitContainers(pod: Pod, sidecars: ReadonlySet<string>, summary: Summary): boolean {
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    addRestarts(status, summary);
    const { terminated, waiting } = status.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecars.has(status.name) && status.started) {
      if (status.ready) summary.ready++;
      continue;
    }
    if (terminated) summary.reason = `Init:${terminatedReason(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') summary.reason = `Init:${waiting.reason}`;
    else summary.reason = `Init:${index}/${pod.spec.initContainers?.length ?? 0}`;
    return true;
  }
  return false;
}

function addContainers(pod: Pod, sidecars: ReadonlySet<string>, summary: Summary): void {
  // Restarts of init containers that have done their work are history; those of sidecars go on counting.
  summary.restarts = 0;
  summary.lastRestart = '';
  for (const status of pod.status?.initContainerStatuses ?? [])
    if (sidecars.has(status.name)) addRestarts(status, summary);
  let hasRunning = false;
  for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
    addRestarts(status, summary);
    const { waiting, terminated, running } = status.state ?? {};
    if (waiting?.reason) summary.reason = waiting.reason;
    else if (terminated) summary.reason = terminatedReason(terminated);
    else if (status.ready && running) {
      hasRunning = true;
      summary.ready++;
    }
  }
  if (summary.reason === 'Completed' && hasRunning)
    summary.reason = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
}

function addRestarts(status: ContainerStatus, summary: Summary): void {
  summary.restarts += status.restartCount;
  const finishedAt = status.lastState?.terminated?.finishedAt ?? '';
  if (finishedAt > summary.lastRestart) summary.lastRestart = finishedAt;
}

function terminatedReason(terminated: NonNullable<ContainerState['terminated']>): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

function hasCondition(pod: Pod, type: string): boolean {
  return pod.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  return `${gates.filter(({ conditionType }) => hasCondition(pod, conditionType)).length}/${gates.length}`;
}

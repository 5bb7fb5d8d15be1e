/** Every node that should have a pod gets one; pods that ended, that are too many or on the wrong node go. */
import type { Pod } from '@slipway/api/types';
import type { Step } from '../../runtime/step.ts';
import type { DaemonNode, Daemons } from './daemons.ts';
import { isPodFinished } from '../pod-readiness.ts';
import { createPod, deletePod } from '../pod-steps.ts';
import { newDaemonPod } from './daemon-pod.ts';
import { allowsSurge } from './rolling-bounds.ts';

export function placePods(daemons: Daemons, removableMs: ReadonlyMap<string, number>, nowMs: number): Step[] {
  const creates: Step[] = [];
  const removals: Step[] = [];
  for (const node of daemons.nodes) {
    const { eligibility, pods } = node;
    if (pods.length === 0) creates.push(createPod(daemons.set, newDaemonPod(daemons.set, node.name, daemons.hash)));
    else if (eligibility === 'runs' || eligibility === 'stays') {
      removals.push(...tidyNode(daemons, node, removableMs, nowMs));
    } else removals.push(...misplaced(node).map((pod) => deletePod(daemons.set, pod)));
  }
  // Neighbours of a kind are written together: what is told of them stands before.
  const [events, deletes] = [removals.filter(isEvent), removals.filter((step) => !isEvent(step))];
  return [...events, ...deletes, ...creates];
}

function isEvent({ op }: Step): boolean {
  return op === 'event';
}

/** On a node that is not there, only what was never bound: the pod garbage collector sees to the others. */
function misplaced({ eligibility, pods }: DaemonNode): Pod[] {
  const isLost = eligibility === undefined;
  return pods.filter(({ metadata, spec }) => !metadata.deletionTimestamp && !(isLost && spec.nodeName));
}

function tidyNode(
  daemons: Daemons,
  { name, pods }: DaemonNode,
  removableMs: ReadonlyMap<string, number>,
  nowMs: number,
): Step[] {
  const steps: Step[] = [];
  const running: Pod[] = [];
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp) continue;
    if (isPodFinished(pod)) {
      const isRemovable = (removableMs.get(pod.metadata.name ?? '') ?? nowMs) <= nowMs;
      if (isRemovable) steps.push(endedEvent(daemons, pod, name), deletePod(daemons.set, pod));
    } else running.push(pod);
  }
  return [...steps, ...surplus(daemons, running).map((pod) => deletePod(daemons.set, pod))];
}

function endedEvent({ set }: Daemons, { metadata, status }: Pod, node: string): Step {
  const where = `daemon pod ${metadata.namespace}/${metadata.name} on node ${node}`;
  return status?.phase === 'Failed'
    ? {
        op: 'event',
        about: set,
        type: 'Warning',
        reason: 'FailedDaemonPod',
        message: `Found failed ${where}, will try to kill it`,
      }
    : {
        op: 'event',
        about: set,
        type: 'Normal',
        reason: 'SucceededDaemonPod',
        message: `Found succeeded ${where}, will try to delete it`,
      };
}

/**
 * Pods beyond one for the node, or with surge beyond one of the current template and one of a former that serves until
 * the current one does.
 */
function surplus(daemons: Daemons, running: readonly Pod[]): readonly Pod[] {
  if (running.length <= 1) return [];
  if (!allowsSurge(daemons.set)) return running.slice(1);
  const current = running.find((pod) => daemons.isCurrent(pod));
  const former = running.find((pod) => !daemons.isCurrent(pod));
  const rest = running.filter((pod) => pod !== current && pod !== former);
  if (!current || !former) return rest;
  const isFormerDone = !daemons.isReady(former) || daemons.isAvailable(current);
  return isFormerDone ? [...rest, former] : rest;
}

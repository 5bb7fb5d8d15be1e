/** Replaces pods of former templates, as far as enough nodes keep a pod that is available. */
import type { Pod } from '@slipway/api/types';
import type { Step } from '../../runtime/step.ts';
import { createPod, deletePod } from '../pod-steps.ts';
import { newDaemonPod } from './daemon-pod.ts';
import type { DaemonNode, Daemons } from './daemons.ts';
import { rollingBounds } from './rolling-bounds.ts';

/** Not called while `placePods` has something to do: each node has at most one pod of either kind then. */
export function rollPods(daemons: Daemons): Step[] {
  const bounds = rollingBounds(daemons.set, daemons.desired);
  if (!bounds) return [];
  return bounds.maxSurge === 0 ? replace(daemons, bounds.maxUnavailable) : surge(daemons, bounds.maxSurge);
}

interface NodeState {
  readonly node: DaemonNode;
  readonly former: Pod | undefined;
  readonly current: Pod | undefined;
}

/** Pods on their way out are not there, and nodes that want none do not count. */
function statesOf(daemons: Daemons): NodeState[] {
  const nodes = daemons.nodes.filter(({ eligibility }) => eligibility === 'runs' || eligibility === 'stays');
  return nodes.map((node) => {
    const present = node.pods.filter(({ metadata }) => !metadata.deletionTimestamp);
    const current = present.find((pod) => daemons.isCurrent(pod));
    return { node, current, former: present.find((pod) => !daemons.isCurrent(pod)) };
  });
}

/** A former pod goes first, and its node is without one until the current one serves. */
function replace(daemons: Daemons, maxUnavailable: number): Step[] {
  let unavailable = 0;
  const broken: Pod[] = [];
  const serving: Pod[] = [];
  for (const { former, current } of statesOf(daemons)) {
    const only = former ?? current;
    if (!only || (former && current) || !daemons.isAvailable(only)) unavailable++;
    if (former && !current) (daemons.isReady(former) ? serving : broken).push(former);
  }
  const room = Math.max(0, maxUnavailable - unavailable);
  // What is not ready is replaced without asking: nobody misses it. It counts as unavailable until its successor serves.
  return [...broken, ...serving.slice(0, room)].map((pod) => deletePod(daemons.set, pod));
}

/** The current pod comes first, beside the former one, which goes when the current one serves. */
function surge(daemons: Daemons, maxSurge: number): Step[] {
  const done: Pod[] = [];
  const broken: string[] = [];
  const serving: string[] = [];
  let surging = 0;
  for (const { node, former, current } of statesOf(daemons)) {
    if (!former) continue;
    if (current) {
      if (daemons.isAvailable(current)) done.push(former);
      else surging++;
    } else if (node.eligibility !== 'runs') {
      // No pod could follow it there.
      if (!daemons.isAvailable(former)) done.push(former);
    } else (daemons.isAvailable(former) ? serving : broken).push(node.name);
  }
  const room = Math.max(0, maxSurge - surging);
  const nodes = [...broken, ...serving.slice(0, room)];
  return [
    ...done.map((pod) => deletePod(daemons.set, pod)),
    ...nodes.map((node) => createPod(daemons.set, newDaemonPod(daemons.set, node, daemons.hash))),
  ];
}

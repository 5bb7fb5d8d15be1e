/**
 * Which tasks of a class are stopped when some must go. Pure. What is not up yet and what is unhealthy goes by age, the youngest first, so that what has
 * proven itself stays. Of healthy ones the oldest revision goes first, then those that leave the rest spread best: of the zone that has
 * most of them, there of the fullest instance.
 */
import type { Task } from '@slipway/api/ecs/kinds';
import { nodeOfTask } from './places.ts';
import type { Tally } from './rollout.ts';
import { type ClassifiedTask, isProtected } from './service-tasks.ts';

export interface Choice {
  readonly nowMs: number;
  /** Service revisions. */
  readonly newestFirst: readonly string[];
}

export function chooseStops(tasks: readonly ClassifiedTask[], counts: Tally, choice: Choice): ClassifiedTask[] {
  const free = tasks.filter(({ task }) => !isProtected(task, choice.nowMs));
  const youngest = (is: 'pending' | 'unhealthy') =>
    free
      .filter((each) => each.is === is)
      .toSorted((a, b) => createdAtMs(b.task) - createdAtMs(a.task))
      .slice(0, counts[is]);
  return [...youngest('pending'), ...youngest('unhealthy'), ...mostCrowded(tasks, free, counts.healthy, choice)];
}

/** Protected ones crowd a place as others do. */
function mostCrowded(
  all: readonly ClassifiedTask[],
  free: readonly ClassifiedTask[],
  count: number,
  { newestFirst }: Choice,
): ClassifiedTask[] {
  if (count === 0) return [];
  const isHealthy = ({ is }: ClassifiedTask) => is === 'healthy';
  const inZone = counter(all.filter(isHealthy), ({ task }) => task.status?.availabilityZone ?? '');
  const onNode = counter(all.filter(isHealthy), ({ task }) => nodeOfTask(task) ?? '');
  const age = ({ task }: ClassifiedTask) => {
    const place = newestFirst.indexOf(task.spec.serviceRevision ?? '');
    return place === -1 ? newestFirst.length : place;
  };
  const goesBefore = (a: ClassifiedTask, b: ClassifiedTask) =>
    age(a) - age(b) ||
    inZone.of(a) - inZone.of(b) ||
    onNode.of(a) - onNode.of(b) ||
    createdAtMs(a.task) - createdAtMs(b.task);
  const candidates = new Set(free.filter(isHealthy));
  const chosen: ClassifiedTask[] = [];
  while (chosen.length < count && candidates.size > 0) {
    const next = [...candidates].reduce((best, each) => (goesBefore(each, best) > 0 ? each : best));
    candidates.delete(next);
    inZone.less(next);
    onNode.less(next);
    chosen.push(next);
  }
  return chosen;
}

function counter(tasks: Iterable<ClassifiedTask>, keyOf: (task: ClassifiedTask) => string) {
  const counts = new Map<string, number>();
  for (const each of tasks) counts.set(keyOf(each), (counts.get(keyOf(each)) ?? 0) + 1);
  return {
    of: (task: ClassifiedTask) => counts.get(keyOf(task)) ?? 0,
    less: (task: ClassifiedTask) => void counts.set(keyOf(task), (counts.get(keyOf(task)) ?? 0) - 1),
  };
}

function createdAtMs({ metadata }: Task): number {
  return Date.parse(metadata.creationTimestamp ?? '') || 0;
}

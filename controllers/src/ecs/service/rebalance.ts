/**
 * Keeps a service balanced over availability zones (`availabilityZoneRebalancing`): where one zone has at least two tasks more than another, a task
 * is started in the other, and when it is up the one that it replaces is stopped, within the service's percents. A replacement that does
 * not find a place is given up, and no other one is tried for an hour. Pure.
 *
 * Source: Amazon ECS Developer Guide, "Balancing an Amazon ECS service across Availability Zones".
 */
import type { Service, Task } from '@slipway/api/ecs/kinds';
import { deploymentConfigurationOf } from './deployment-target.ts';
import type { Look } from './look.ts';
import { isReady, nodeOfTask, zoneOf } from './places.ts';
import { boundsOf } from './rollout.ts';
import { type ClassifiedTask, isProtected } from './service-tasks.ts';

/** On a task: the name of the one in whose place it is. */
export const replacesAnnotation = 'slipway.dev/ecs-replaces';
const zoneAttribute = 'attribute:ecs.availability-zone';
const constraintsMax = 10;
/** So long a replacement may wait for a place. */
export const placeWithinMs = 300_000;

export interface Move {
  readonly task: Task;
  readonly zone: string;
}

/** Names of tasks whose replacement has not ended. */
export function replacedIn(tasks: readonly Task[]): ReadonlySet<string> {
  const isGoing = ({ spec, status, metadata }: Task) =>
    spec.desiredStatus !== 'STOPPED' && status?.lastStatus !== 'STOPPED' && !metadata.deletionTimestamp;
  return new Set(tasks.filter(isGoing).flatMap(({ metadata }) => metadata.annotations?.[replacesAnnotation] ?? []));
}

export function isRebalanced({ spec }: Service): boolean {
  const { availabilityZoneRebalancing, schedulingStrategy, placementConstraints = [], placementStrategy = [] } = spec;
  const [first] = placementStrategy;
  return (
    availabilityZoneRebalancing === 'ENABLED' &&
    schedulingStrategy !== 'DAEMON' &&
    (deploymentConfigurationOf({ spec } as Service).maximumPercent ?? 200) > 100 &&
    (first === undefined || (first.type === 'spread' && first.field === zoneAttribute)) &&
    placementConstraints.length < constraintsMax &&
    !placementConstraints.some(({ expression }) => expression?.includes('ecs.availability-zone'))
  );
}

/** Tasks to start beside those that they replace. Only for a service that is steady otherwise. */
export function movesFor({ service, nodes, own, tasks, desired, nowMs }: Look): readonly Move[] {
  if (!isRebalanced(service) || tasks.some(isGivenUp)) return [];
  const zones = new Map(nodes.filter(isReady).map((node) => [node.metadata.name ?? '', zoneOf(node)]));
  const byZone = new Map<string, ClassifiedTask[]>();
  for (const zone of zones.values()) if (zone !== undefined) byZone.set(zone, []);
  for (const each of own) {
    const zone = zones.get(nodeOfTask(each.task) ?? '');
    if (zone !== undefined && each.is === 'healthy') byZone.get(zone)?.push(each);
  }
  if (byZone.size < 2) return [];
  const { minimumHealthyPercent = 100, maximumPercent = 200 } = deploymentConfigurationOf(service);
  const room = boundsOf({ desired, minimumHealthyPercent, maximumPercent }).upper - desired;
  const moves: Move[] = [];
  while (moves.length < room) {
    const counts = [...byZone].toSorted(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1));
    const [fullest, emptiest] = [counts[0], counts.at(-1)];
    if (!fullest || !emptiest || fullest[1].length - emptiest[1].length < 2) break;
    const moved = fullest[1].findLast(({ task }) => !isProtected(task, nowMs));
    if (!moved) break;
    byZone.set(
      fullest[0],
      fullest[1].filter((each) => each !== moved),
    );
    byZone.set(emptiest[0], [...emptiest[1], moved]);
    moves.push({ task: moved.task, zone: emptiest[0] });
  }
  return moves;
}

/** A replacement that came to an end while the other one goes on. Ended tasks are remembered for an hour. */
function isGivenUp({ task, is }: ClassifiedTask): boolean {
  return (is === 'ended' || is === 'stopping') && task.metadata.annotations?.[replacesAnnotation] !== undefined;
}

/** When a replacement that still has no place is given up; undefined for all others. */
export function givenUpAtMs({ task, is }: ClassifiedTask): number | undefined {
  const isReplacement = task.metadata.annotations?.[replacesAnnotation] !== undefined;
  if (!isReplacement || is !== 'pending' || task.status?.containerInstance) return undefined;
  return Date.parse(task.metadata.creationTimestamp ?? '') + placeWithinMs || undefined;
}

/** What makes a task the one in place of another. */
export function asMove<T extends Task>(task: T, { task: replaced, zone }: Move): T {
  const { placementConstraints = [] } = task.spec;
  const constraint = { type: 'memberOf' as const, expression: `${zoneAttribute} == ${zone}` };
  return {
    ...task,
    metadata: {
      ...task.metadata,
      annotations: { ...task.metadata.annotations, [replacesAnnotation]: replaced.metadata.name ?? '' },
    },
    spec: { ...task.spec, placementConstraints: [...placementConstraints, constraint] },
  };
}

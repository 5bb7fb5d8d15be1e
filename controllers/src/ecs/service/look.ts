/** What the service scheduler looks at, put together once for a look. Pure. */
import type { Service, StoredDeployment, Task, TaskCondition } from '@slipway/api/ecs/kinds';
import type { Node } from '@slipway/api/types';
import type { ObservedService } from './observe.ts';
import { isDraining, nodeOfTask, nodesFor } from './places.ts';
import { replacedIn } from './rebalance.ts';
import { type ClassifiedTask, classify, hasHealthCheck, isOf } from './service-tasks.ts';

export interface Look {
  readonly observed: ObservedService;
  readonly service: Service;
  readonly nowMs: number;
  /** Tasks that shall be; of a DAEMON as many as `nodes`, of a deleted service none. */
  readonly desired: number;
  /** That take its tasks. */
  readonly nodes: readonly Node[];
  readonly isDaemon: boolean;
  readonly deployments: readonly StoredDeployment[];
  readonly primary: StoredDeployment | undefined;
  readonly tasks: readonly ClassifiedTask[];
  /** Those of the primary deployment that are where they may stay. */
  readonly own: readonly ClassifiedTask[];
  /** Those that are to be replaced. */
  readonly old: readonly ClassifiedTask[];
  /** Of the service's status, as they are now. */
  readonly conditions: readonly TaskCondition[];
}

export function lookAt(observed: ObservedService, nowMs: number, conditions: readonly TaskCondition[]): Look {
  const { service, tasks } = observed;
  const { desiredCount = 1, schedulingStrategy, desiredStatus, healthCheckGracePeriodSeconds = 0 } = service.spec;
  const isDaemon = schedulingStrategy === 'DAEMON';
  const deployments = service.status?.deployments ?? [];
  const primary = deployments.find(({ status }) => status === 'PRIMARY');
  const nodes = nodesFor(service, observed.nodes);
  const isOld = oldOnes(observed, primary, isDaemon);
  // The first deployment has nothing to lose by a task that does not stay up; later ones have, and something to go back to.
  const isFirst = primary?.rolloutState !== 'IN_PROGRESS' || deployments.length < 2;
  const isAlone = isFirst && !tasks.some((task) => isOld(task) && task.status?.lastStatus !== 'STOPPED');
  const mustSettle = (task: Task) => !isAlone && !isOld(task);
  const graceMs = healthCheckGracePeriodSeconds * 1000;
  const isChecked = checksOf(observed);
  const classified = tasks.map((task) => classify(task, { isChecked, graceMs, mustSettle, nowMs }));
  return {
    observed,
    service,
    nowMs,
    desired: desiredStatus === 'INACTIVE' ? 0 : isDaemon ? nodes.length : desiredCount,
    nodes,
    isDaemon,
    deployments,
    primary,
    tasks: classified,
    own: classified.filter(({ task }) => !isOld(task)),
    old: classified.filter(({ task }) => isOld(task)),
    conditions,
  };
}

/** What another revision made, what is on a node that drains, and what makes room in a full zone. A DAEMON's place is its node. */
function oldOnes(
  { tasks, nodes }: ObservedService,
  primary: StoredDeployment | undefined,
  isDaemon: boolean,
): (task: Task) => boolean {
  const isOlder = (task: Task) => primary === undefined || !isOf(task, primary);
  if (isDaemon) return isOlder;
  const draining = new Set(nodes.filter(isDraining).map(({ metadata }) => metadata.name));
  const replaced = replacedIn(tasks);
  return (task) => isOlder(task) || replaced.has(task.metadata.name ?? '') || draining.has(nodeOfTask(task) ?? '');
}

function checksOf({ definition }: ObservedService): (reference: string) => boolean {
  const checks = new Map<string, boolean>();
  return (reference) => {
    let known = checks.get(reference);
    if (known === undefined) {
      const found = definition(reference);
      known = found !== undefined && hasHealthCheck(found);
      checks.set(reference, known);
    }
    return known;
  };
}

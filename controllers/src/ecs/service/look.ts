/** What the service scheduler looks at, put together once for a look. Pure. */
import type { Service, StoredDeployment, Task, TaskCondition } from '@slipway/api/ecs/kinds';
import type { ObservedService } from './observe.ts';
import { type ClassifiedTask, classify, hasHealthCheck, isOf } from './service-tasks.ts';

export interface Look {
  readonly observed: ObservedService;
  readonly service: Service;
  readonly nowMs: number;
  readonly desired: number;
  readonly deployments: readonly StoredDeployment[];
  readonly primary: StoredDeployment | undefined;
  readonly tasks: readonly ClassifiedTask[];
  /** Of the service's status, as they are now. */
  readonly conditions: readonly TaskCondition[];
}

export function lookAt(observed: ObservedService, nowMs: number, conditions: readonly TaskCondition[]): Look {
  const { service, tasks, definition } = observed;
  const deployments = service.status?.deployments ?? [];
  const checks = new Map<string, boolean>();
  const isChecked = (reference: string) => {
    let known = checks.get(reference);
    if (known === undefined) {
      const found = definition(reference);
      known = found !== undefined && hasHealthCheck(found);
      checks.set(reference, known);
    }
    return known;
  };
  const primary = deployments.find(({ status }) => status === 'PRIMARY');
  const isPrimary = (task: Task) => primary !== undefined && isOf(task, primary);
  const isAlone = !tasks.some((task) => !isPrimary(task) && task.status?.lastStatus !== 'STOPPED');
  const mustSettle = (task: Task) => !isAlone && isPrimary(task);
  const graceMs = (service.spec.healthCheckGracePeriodSeconds ?? 0) * 1000;
  const classified = tasks.map((task) => classify(task, { isChecked, graceMs, mustSettle, nowMs }));
  const { desiredCount = 1, schedulingStrategy, desiredStatus } = service.spec;
  const desired = desiredStatus === 'INACTIVE' ? 0 : schedulingStrategy === 'DAEMON' ? -1 : desiredCount;
  return { observed, service, nowMs, desired, deployments, primary, tasks: classified, conditions };
}

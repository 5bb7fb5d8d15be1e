/** A service in a world of its own, for tests of its scheduler. */
import type { Service, ServiceSpec, ServiceStatus, Task, TaskStatus } from '@slipway/api/ecs/kinds';
import type { Node } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { PlanWorld } from '../../testing/plan-world.ts';
import { serviceIndexes } from '../service/controller.ts';
import { observeService } from '../service/observe.ts';
import { planService } from '../service/plan.ts';
import { settledAfterMs } from '../service/service-tasks.ts';
import { aDefinedContainer, aService, aTaskDefinition } from './ecs-builders.ts';

const decider = { observe: observeService, plan: planService };
export const key = 'shop/web';

export class Shop {
  readonly world = new PlanWorld(serviceIndexes);

  constructor(spec: Partial<ServiceSpec> = {}) {
    this.define(1);
    this.world.put(kinds.ecsServices, aService({ desiredCount: 2, ...spec }));
  }

  define(revision: number, isChecked = false): this {
    const healthCheck = { command: ['CMD', 'true'] };
    this.world.put(
      kinds.ecsTaskDefinitions,
      aTaskDefinition({ revision }, [aDefinedContainer('web', isChecked ? { healthCheck } : {})]),
    );
    return this;
  }

  look(): this {
    this.world.look(decider, kinds.ecsServices, key);
    return this;
  }

  settle(): this {
    this.world.settle(decider, kinds.ecsServices, key);
    return this;
  }

  get service(): Service {
    return this.world.get(kinds.ecsServices, key) as Service;
  }

  get status(): ServiceStatus {
    return this.service.status ?? {};
  }

  get told(): readonly string[] {
    return (this.status.events ?? [])
      .map(({ message }) => message.replaceAll(/\(task [0-9a-f]{32}\)/g, '(task T)'))
      .toReversed();
  }

  get stable() {
    return this.status.conditions?.find(({ type }) => type === 'Stable');
  }

  /** Those that have not ended, oldest first. */
  get tasks(): readonly Task[] {
    return this.world.list(kinds.ecsTasks).filter(({ status }) => status?.lastStatus !== 'STOPPED');
  }

  get stopping(): readonly Task[] {
    return this.tasks.filter(({ spec }) => spec.desiredStatus === 'STOPPED');
  }

  set(spec: Partial<ServiceSpec>): this {
    const { service } = this;
    const generation = (service.metadata.generation ?? 1) + 1;
    this.world.put(kinds.ecsServices, {
      ...service,
      metadata: { ...service.metadata, generation },
      spec: { ...service.spec, ...spec },
    });
    return this;
  }

  #setTask(task: Task, status: TaskStatus): void {
    this.world.put(kinds.ecsTasks, { ...task, status: { ...task.status, ...status } });
  }

  /** What the task controller makes of them. */
  run(healthStatus: TaskStatus['healthStatus'] = 'UNKNOWN'): this {
    for (const task of this.tasks) {
      if (task.spec.desiredStatus === 'STOPPED') this.end(task, task.spec.stopCode, task.spec.stoppedReason);
      else if (task.status?.lastStatus !== 'RUNNING') {
        this.#setTask(task, { lastStatus: 'RUNNING', healthStatus, startedAt: formatTime(this.world.nowMs) });
      }
    }
    return this;
  }

  isNow(task: Task | undefined, healthStatus: TaskStatus['healthStatus']): this {
    if (task) this.#setTask(task, { healthStatus });
    return this;
  }

  end(task: Task | undefined, stopCode: TaskStatus['stopCode'] = 'EssentialContainerExited', stoppedReason = ''): this {
    const now = formatTime(this.world.nowMs);
    if (task) this.#setTask(task, { lastStatus: 'STOPPED', stopCode, stoppedReason, stoppedAt: now });
    return this;
  }

  later(ms: number): this {
    this.world.nowMs += ms;
    return this;
  }

  /** Until nothing changes any more, every task getting up and ending as it should. */
  live(rounds = 12): this {
    for (let i = 0; i < rounds; i++) this.settle().run().later(settledAfterMs);
    return this.settle();
  }
}

export function aServiceNode(name: string, zone: string, more: Partial<Node['spec']> = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
    spec: { ...more },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

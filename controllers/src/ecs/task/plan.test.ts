import type { Task, TaskDefinition, TaskSpec, TaskStatus } from '@slipway/api/ecs/kinds';
import type { ContainerState, Pod } from '@slipway/api/types';
import { StatusError } from '@slipway/api/status-error';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { PlanWorld } from '../../testing/plan-world.ts';
import { aDefinedContainer, aTask, aTaskDefinition } from '../testing/ecs-builders.ts';
import { ecsTaskController, taskIndexes } from './controller.ts';
import { observeTask } from './observe.ts';
import { keptAfterStopMs, planTask } from './plan.ts';
import { taskFinalizer } from './pod-from-task.ts';
import { registeredLabel } from './registration.ts';

const decider = { observe: observeTask, plan: planTask };
const key = 'shop/one';

class Shop {
  readonly world = new PlanWorld(taskIndexes);

  constructor(definition: TaskDefinition | undefined = aTaskDefinition(), spec: Partial<TaskSpec> = {}) {
    if (definition) this.world.put(kinds.ecsTaskDefinitions, definition);
    this.world.put(kinds.ecsTasks, aTask(spec));
  }

  look(): this {
    this.world.look(decider, kinds.ecsTasks, key);
    return this;
  }

  settle(): this {
    this.world.settle(decider, kinds.ecsTasks, key);
    return this;
  }

  get task(): Task {
    return this.world.get(kinds.ecsTasks, key) as Task;
  }

  get status(): TaskStatus {
    return this.task.status ?? {};
  }

  get pod(): Pod | undefined {
    return this.world.get(kinds.pods, key);
  }

  /** What scheduler and agent make of the pod; `states` by container, all alike when one is given. */
  podIs(
    phase: string,
    states: ContainerState | readonly ContainerState[],
    more: Partial<Pod['status']> = {},
    ready = true,
  ): this {
    const pod = this.pod as Pod;
    const list = pod.spec.containers.map(({ name, image = '' }, i) => ({
      name,
      image,
      imageID: '',
      ready,
      restartCount: 0,
      state: (Array.isArray(states) ? states[i] : states) as ContainerState,
    }));
    this.world.put(kinds.pods, {
      ...pod,
      spec: { ...pod.spec, nodeName: 'n1' },
      status: { ...pod.status, phase, podIP: '10.64.0.9', containerStatuses: list, ...more },
    });
    return this;
  }

  runs(ready = true): this {
    return this.podIs('Running', { running: { startedAt: formatTime(this.world.nowMs) } }, {}, ready);
  }

  stop(reason = 'enough'): this {
    const spec = {
      ...this.task.spec,
      desiredStatus: 'STOPPED',
      stopCode: 'UserInitiated',
      stoppedReason: reason,
    } as const;
    this.world.put(kinds.ecsTasks, { ...this.task, spec });
    return this;
  }
}

const ended = (exitCode: number): ContainerState => ({
  terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', finishedAt: '2026-01-01T00:00:30Z' },
});

describe('a task', () => {
  it('becomes a pod of its name, of the newest ACTIVE revision', () => {
    const shop = new Shop();
    for (const [revision, status] of [
      [2, 'ACTIVE'],
      [3, 'INACTIVE'],
    ] as const) {
      shop.world.put(kinds.ecsTaskDefinitions, aTaskDefinition({ revision, status }));
    }
    shop.settle();
    expect(shop.status).toMatchObject({
      lastStatus: 'PROVISIONING',
      taskDefinition: 'web:2',
      podName: 'one',
      memory: '64',
    });
    expect(shop.pod?.metadata.finalizers).toEqual([taskFinalizer]);
    expect(ecsTaskController.name).toBe('ecs-task');
  });

  it('of a provider that ECS brings along runs on any node', () => {
    expect(new Shop(aTaskDefinition(), { capacityProviderName: 'FARGATE' }).settle().pod).toBeDefined();
  });

  it('of a service without ports has its names at once: nobody asks it for anything', () => {
    const shop = new Shop(aTaskDefinition(), { serviceName: 'web' }).settle();
    expect(shop.pod?.metadata.labels).toMatchObject({ [registeredLabel]: 'true' });
    expect(shop.runs().look().status.lastStatus).toBe('RUNNING');
  });

  it('of a service gets its names when its containers run, serves on while they still lead to it, and is told to end then', () => {
    const mapped = [aDefinedContainer('web', { portMappings: [{ containerPort: 80 }] })];
    const shop = new Shop(aTaskDefinition({}, mapped), { serviceName: 'web' }).settle();
    expect(shop.pod?.metadata.labels?.[registeredLabel]).toBeUndefined();
    const running: ContainerState = { running: { startedAt: formatTime(shop.world.nowMs) } };
    const conditions = [{ type: 'Ready', status: 'True' }];
    shop.podIs('Running', running, { conditions }).look();
    expect(shop.status.lastStatus).toBe('ACTIVATING');
    expect(shop.pod?.metadata.labels).toMatchObject({ [registeredLabel]: 'true' });
    expect(shop.settle().status.lastStatus).toBe('RUNNING');
    shop.stop().settle();
    expect(shop.status.lastStatus).toBe('DEACTIVATING');
    expect(shop.pod?.metadata.labels?.[registeredLabel]).toBeUndefined();
    expect(shop.pod?.metadata.deletionTimestamp).toBeUndefined();
    shop.world.nowMs += 1900;
    expect(shop.settle().status.lastStatus).toBe('DEACTIVATING');
    shop.world.nowMs += 1100;
    expect(shop.settle().status.lastStatus).toBe('STOPPING');
    expect(shop.pod?.metadata.deletionTimestamp).toBeDefined();
  });

  it('has its words as they are written: nothing is put in for $(NAME) and $$', () => {
    const command = ['sh', '-c', 'echo $(hostname) $$ $HOME $$(id)'];
    const environment = [{ name: 'TEXT', value: '$(HOME)' }];
    const [container] =
      new Shop(aTaskDefinition({}, [aDefinedContainer('web', { command, environment })])).settle().pod?.spec
        .containers ?? [];
    expect(container?.args?.at(-1)).toBe('echo $$(hostname) $$$ $HOME $$$$(id)');
    expect(container?.env).toContainEqual({ name: 'TEXT', value: '$$(HOME)' });
  });

  it('goes through the states of ECS in their order', () => {
    const shop = new Shop().settle();
    const seen = [shop.status.lastStatus];
    const note = () => void (seen.at(-1) !== shop.status.lastStatus && seen.push(shop.status.lastStatus));
    shop.podIs('Pending', { waiting: { reason: 'ContainerCreating' } }).look();
    note();
    shop.runs().look();
    note();
    shop.stop();
    for (let i = 0; i < 3; i++) {
      shop.look();
      note();
    }
    const metadata = {
      ...(shop.pod as Pod).metadata,
      deletionTimestamp: formatTime(shop.world.nowMs),
      finalizers: [taskFinalizer],
    };
    if (shop.pod) shop.world.put(kinds.pods, { ...shop.pod, metadata });
    if (shop.pod) shop.podIs('Running', ended(143));
    shop.look();
    note();
    expect(seen).toEqual(['PROVISIONING', 'PENDING', 'RUNNING', 'DEACTIVATING', 'STOPPING', 'STOPPED']);
    expect(shop.status).toMatchObject({
      stopCode: 'UserInitiated',
      stoppedReason: 'enough',
      containers: [{ name: 'web', lastStatus: 'STOPPED', exitCode: 143 }],
    });
    expect(Object.keys(shop.status)).toEqual(
      expect.arrayContaining([
        'connectivityAt',
        'pullStartedAt',
        'pullStoppedAt',
        'startedAt',
        'stoppingAt',
        'executionStoppedAt',
        'stoppedAt',
      ]),
    );
  });

  it('that ends by itself says so, lets its pod go, and is forgotten an hour later', () => {
    const shop = new Shop().settle();
    shop.runs().settle();
    shop.podIs('Failed', ended(3)).settle();
    expect(shop.task.spec.desiredStatus).toBe('STOPPED');
    expect(shop.status).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      executionStoppedAt: '2026-01-01T00:00:30Z',
      containers: [{ exitCode: 3 }],
    });
    expect(shop.pod?.metadata.finalizers ?? []).toEqual([]);
    shop.world.nowMs += keptAfterStopMs + 1000;
    shop.look();
    expect(shop.world.get(kinds.ecsTasks, key)).toBeUndefined();
  });

  it.each([
    ['no definition', undefined, {}, 'there is no ACTIVE task definition web'],
    [
      'an INACTIVE revision',
      aTaskDefinition({ status: 'INACTIVE' }),
      { taskDefinition: 'web:1' },
      'task definition web:1 is INACTIVE',
    ],
    ['no such provider', aTaskDefinition(), { capacityProviderName: 'spot' }, 'there is no capacity provider spot'],
    [
      'a log driver that is not served',
      aTaskDefinition({}, [aDefinedContainer('web', { logConfiguration: { logDriver: 'awslogs' } })]),
      {},
      'web: the log driver awslogs is not served, only json-file',
    ],
    [
      'an expression that is none',
      aTaskDefinition(),
      { placementConstraints: [{ type: 'memberOf', expression: 'attribute:zone =~ a' }] },
      'placement constraint: the operator "matches" is not served in placement constraints',
    ],
  ] as const)('does not start with %s', (_what, definition, spec, reason) => {
    const shop = new Shop(definition, spec);
    if (!definition) shop.world.remove(kinds.ecsTaskDefinitions, 'web.1');
    shop.settle();
    expect(shop.pod).toBeUndefined();
    expect(shop.status).toMatchObject({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart', stoppedReason: reason });
  });

  it('whose image cannot be had fails to start, and its pod goes', () => {
    const shop = new Shop().settle();
    shop.podIs('Pending', { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } }).settle();
    expect(shop.pod?.metadata.deletionTimestamp ?? 'gone').toBeTruthy();
    expect(shop.task.spec).toMatchObject({
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'CannotPullContainerError: container web: no such image',
    });
  });

  it('that somebody else evicts says who', () => {
    const shop = new Shop().settle();
    shop.runs().settle();
    const conditions = [
      { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' },
    ];
    shop.podIs('Failed', ended(143), { conditions }).settle();
    expect(shop.status).toMatchObject({ stopCode: 'TerminationNotice', stoppedReason: 'Eviction API: evicting' });
  });

  it('does not take a pod for its own that is not', () => {
    const shop = new Shop();
    shop.world.put(kinds.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'shop', name: 'one' },
      spec: { containers: [] },
    });
    shop.settle();
    expect(shop.status.stoppedReason).toBe('a pod one exists that is not this task');
    expect(shop.pod).toBeDefined();
  });

  it('that the server does not take fails to start, where a retry would not help', () => {
    const definition = aTaskDefinition({ taskRoleArn: 'arn:aws:iam::1:role/reader' });
    const shop = new Shop(definition);
    const nothing = { pod: undefined, node: undefined, provider: undefined, takenPorts: () => new Set<number>() };
    const observed = { task: shop.task, definition, ...nothing };
    const { statusAfterFailure, steps } = planTask(observed, shop.world.nowMs);
    const [step] = steps;
    if (!step) throw new Error('a pod is to be made');
    const after = (error: Error) => statusAfterFailure?.({ step, error }) as TaskStatus;
    expect(after(new StatusError('InternalError', 'no leader')).conditions).not.toContainEqual(
      expect.objectContaining({ reason: 'PodRefused' }),
    );
    const why = 'error looking up service account shop/reader: serviceaccount "reader" not found';
    shop.world.put(kinds.ecsTasks, { ...shop.task, status: after(new StatusError('Forbidden', why)) });
    shop.settle();
    expect(shop.status).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'TaskFailedToStart',
      stoppedReason: `ECS was unable to assume the role 'arn:aws:iam::1:role/reader' that was provided for this task: ${why}`,
    });
  });

  it('is DISCONNECTED while nothing is heard of its node', () => {
    const shop = new Shop().settle();
    shop.runs().settle();
    const heard = shop.status.connectivityAt;
    expect(shop.status.connectivity).toBe('CONNECTED');
    const node = (ready: string) =>
      shop.world.put(kinds.nodes, {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: 'n1' },
        spec: {},
        status: { conditions: [{ type: 'Ready', status: ready }] },
      });
    node('Unknown');
    shop.world.nowMs += 5000;
    shop.look();
    expect(shop.status.connectivity).toBe('DISCONNECTED');
    expect(shop.status.connectivityAt).not.toBe(heard);
    node('True');
    shop.look();
    expect(shop.status).toMatchObject({ connectivity: 'CONNECTED', lastStatus: 'RUNNING' });
  });

  it('shows a container that is started again as a running one', () => {
    const restartPolicy = { enabled: true, restartAttemptPeriod: 60, ignoredExitCodes: [9] };
    const shop = new Shop(aTaskDefinition({}, [aDefinedContainer('web', { restartPolicy })])).settle();
    shop.runs().settle();
    const end = (exitCode: number, ranSeconds: number) => ({
      exitCode,
      startedAt: '2026-01-01T00:00:00Z',
      finishedAt: `2026-01-01T00:0${Math.floor(ranSeconds / 60)}:${String(ranSeconds % 60).padStart(2, '0')}Z`,
    });
    const told = (state: ContainerState) => shop.podIs('Running', state).settle().status.containers?.[0];
    expect(told({ terminated: end(3, 61) })).toMatchObject({ lastStatus: 'RUNNING' });
    expect(told({ terminated: end(3, 59) })).toMatchObject({ lastStatus: 'STOPPED', exitCode: 3 });
    expect(told({ terminated: end(9, 61) })).toMatchObject({ lastStatus: 'STOPPED', exitCode: 9 });
  });

  it('goes on without a container that nobody needs', () => {
    const shop = new Shop(
      aTaskDefinition({}, [aDefinedContainer('web'), aDefinedContainer('log', { essential: false })]),
    ).settle();
    const running = { running: { startedAt: formatTime(shop.world.nowMs) } };
    shop.podIs('Pending', [running, { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } }]).settle();
    expect(shop.status).toMatchObject({
      lastStatus: 'RUNNING',
      containers: [
        { name: 'web', lastStatus: 'RUNNING' },
        { name: 'log', lastStatus: 'STOPPED', reason: 'CannotPullContainerError: no such image' },
      ],
    });
  });

  it('says what of its definition has no effect', () => {
    const container = aDefinedContainer('web', { linuxParameters: { swappiness: 10 } });
    const shop = new Shop(aTaskDefinition({}, [container])).settle();
    expect(shop.status.conditions).toContainEqual(
      expect.objectContaining({
        type: 'FieldsWithoutEffect',
        status: 'True',
        message: 'web.linuxParameters.swappiness: the kernel has none for single containers',
      }),
    );
    expect(shop.world.told).toEqual([
      'without effect: web.linuxParameters.swappiness: the kernel has none for single containers',
    ]);
  });
});

describe("a task's health", () => {
  const checked = aTaskDefinition({}, [
    aDefinedContainer('web', {
      healthCheck: { command: ['CMD-SHELL', 'true'], interval: 5, timeout: 2, retries: 2, startPeriod: 10 },
    }),
  ]);

  it('is unknown at first, and bad when no check has succeeded in time', () => {
    const shop = new Shop(checked).settle();
    shop.runs(false).settle();
    expect(shop.status.healthStatus).toBe('UNKNOWN');
    shop.world.nowMs += (10 + 2 * (5 + 2)) * 1000;
    shop.settle();
    expect(shop.status.healthStatus).toBe('UNHEALTHY');
  });

  it('is good with the first success, and bad when the checks fail again', () => {
    const shop = new Shop(checked).settle();
    shop.runs().settle();
    expect(shop.status.healthStatus).toBe('HEALTHY');
    shop.runs(false).settle();
    expect(shop.status.healthStatus).toBe('UNHEALTHY');
  });

  it('is that of essential containers', () => {
    const definition = aTaskDefinition({}, [
      ...(checked.spec.containerDefinitions ?? []),
      aDefinedContainer('log', { essential: false }),
    ]);
    const shop = new Shop(definition).settle();
    shop.runs().settle();
    expect(shop.status.healthStatus).toBe('HEALTHY');
  });
});

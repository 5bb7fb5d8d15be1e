/** Clusters, tasks and container instances through AWS' own client. The test is the controller: it writes what one would write. */
import {
  CreateClusterCommand,
  DeleteClusterCommand,
  DescribeClustersCommand,
  DescribeContainerInstancesCommand,
  DescribeTasksCommand,
  type ECSClient,
  GetTaskProtectionCommand,
  ListAttributesCommand,
  ListClustersCommand,
  ListContainerInstancesCommand,
  ListTasksCommand,
  paginateListTasks,
  PutAttributesCommand,
  PutClusterCapacityProvidersCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  type RunTaskCommandInput,
  StartTaskCommand,
  StopTaskCommand,
  UpdateClusterSettingsCommand,
  UpdateContainerInstancesStateCommand,
  UpdateTaskProtectionCommand,
  waitUntilTasksRunning,
  waitUntilTasksStopped,
} from '@aws-sdk/client-ecs';
import type { KubeObject } from '@slipway/api/types';
import { neverAborted } from '@slipway/kit/abort';
import { type EcsTestServer, startEcsServer } from './ecs-server.ts';

let server: EcsTestServer;
let ecs: ECSClient;

beforeAll(async () => {
  server = await startEcsServer();
  ecs = server.client();
  await ecs.send(new CreateClusterCommand({}));
  const containerDefinitions = [{ name: 'app', image: 'registry.example/app:1', memory: 64 }];
  await ecs.send(new RegisterTaskDefinitionCommand({ family: 'app', containerDefinitions }));
  await ecs.send(new RegisterTaskDefinitionCommand({ family: 'vpc', networkMode: 'awsvpc', containerDefinitions }));
});

afterAll(() => server.stop());

async function refusal(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'taken';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

const run = (more: Partial<RunTaskCommandInput> = {}) =>
  ecs.send(new RunTaskCommand({ taskDefinition: 'app', ...more }));
const idOf = (taskArn: string | undefined) => taskArn?.split('/').at(-1) ?? '';

describe('clusters', () => {
  it('are namespaces, made once', async () => {
    const { cluster } = await ecs.send(
      new CreateClusterCommand({ clusterName: 'Blue', tags: [{ key: 'team', value: 'x' }] }),
    );
    expect(cluster).toMatchObject({
      clusterArn: 'arn:aws:ecs:eu-central-1:123456789012:cluster/Blue',
      status: 'ACTIVE',
    });
    expect((await ecs.send(new CreateClusterCommand({ clusterName: 'Blue' }))).cluster?.tags).toEqual([
      { key: 'team', value: 'x' },
    ]);
    expect((await ecs.send(new ListClustersCommand({}))).clusterArns).toEqual([
      'arn:aws:ecs:eu-central-1:123456789012:cluster/Blue',
      'arn:aws:ecs:eu-central-1:123456789012:cluster/default',
    ]);
    const { tasks } = await run({ cluster: 'Blue' });
    const path = { group: '', version: 'v1', resource: 'namespaces', name: 'blue-'.concat('') };
    const namespaces = (await server.transport.send(
      { verb: 'list', path: { group: '', version: 'v1', resource: 'namespaces' } },
      neverAborted,
    )) as {
      items: KubeObject[];
    };
    expect(namespaces.items.filter(({ metadata }) => metadata.name?.startsWith(path.name))).toHaveLength(1);
    expect(await refusal(ecs.send(new DeleteClusterCommand({ cluster: 'Blue' })))).toBe(
      'ClusterContainsTasksException: The Cluster cannot be deleted while Tasks are active.',
    );
    const namespace = namespaces.items.find(({ metadata }) => metadata.name?.startsWith('blue-'))?.metadata.name;
    await server.setStatus('tasks', idOf(tasks?.[0]?.taskArn), { lastStatus: 'STOPPED' }, namespace);
    expect((await ecs.send(new DeleteClusterCommand({ cluster: 'Blue' }))).cluster?.status).toBe('INACTIVE');
    const { failures } = await ecs.send(new DescribeClustersCommand({ clusters: ['Blue'] }));
    expect(failures).toEqual([{ arn: 'arn:aws:ecs:eu-central-1:123456789012:cluster/Blue', reason: 'MISSING' }]);
  });

  it('have settings and providers that there are', async () => {
    const settings = [{ name: 'containerInsights', value: 'enabled' } as const];
    expect(
      (await ecs.send(new UpdateClusterSettingsCommand({ cluster: 'default', settings }))).cluster?.settings,
    ).toEqual(settings);
    const put = (name: string) =>
      ecs.send(
        new PutClusterCapacityProvidersCommand({
          cluster: 'default',
          capacityProviders: [name],
          defaultCapacityProviderStrategy: [],
        }),
      );
    expect(await refusal(put('nothing'))).toContain("The specified capacity provider 'nothing' was not found.");
    expect((await put('FARGATE')).cluster?.capacityProviders).toEqual(['FARGATE']);
  });

  it('that are not there are told of', async () => {
    expect(await refusal(run({ cluster: 'nowhere' }))).toBe('ClusterNotFoundException: Cluster not found.');
    expect(await refusal(ecs.send(new CreateClusterCommand({ clusterName: 'a b' })))).toContain('Invalid cluster name');
  });
});

describe('tasks', () => {
  it('run, are waited for, and stop', async () => {
    const { tasks = [], failures } = await run({ count: 2, startedBy: 'me', tags: [{ key: 'a', value: '1' }] });
    expect(failures).toEqual([]);
    expect(tasks).toMatchObject(
      [0, 1].map(() => ({
        lastStatus: 'PROVISIONING',
        desiredStatus: 'RUNNING',
        launchType: 'EC2',
        group: 'family:app',
        taskDefinitionArn: expect.stringMatching(/app:1$/),
        containers: [{ name: 'app', lastStatus: 'PENDING' }],
        createdAt: expect.any(Date),
      })),
    );
    const arns = tasks.map(({ taskArn }) => taskArn ?? '');
    const startedAt = '2026-01-02T03:04:05Z';
    const containers = [{ name: 'app', lastStatus: 'RUNNING', runtimeId: 'abc' }];
    const waiting = waitUntilTasksRunning({ client: ecs, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { tasks: arns });
    for (const arn of arns) {
      await server.setStatus(
        'tasks',
        idOf(arn),
        { lastStatus: 'RUNNING', startedAt, containers, podName: 'p' },
        'default',
      );
    }
    expect((await waiting).state).toBe('SUCCESS');
    const described = await ecs.send(new DescribeTasksCommand({ tasks: [idOf(arns[0])], include: ['TAGS'] }));
    expect(described.tasks).toMatchObject([
      {
        taskArn: arns[0],
        lastStatus: 'RUNNING',
        startedAt: new Date(startedAt),
        containers: [{ runtimeId: 'abc' }],
        tags: [{ key: 'a' }],
      },
    ]);
    expect(described.tasks?.[0]).not.toHaveProperty('podName');

    const stopped = await ecs.send(new StopTaskCommand({ task: arns[0], reason: 'enough' }));
    expect(stopped.task).toMatchObject({
      desiredStatus: 'STOPPED',
      stopCode: 'UserInitiated',
      stoppedReason: 'enough',
    });
    await server.setStatus('tasks', idOf(arns[0]), { lastStatus: 'STOPPED', stoppedAt: startedAt }, 'default');
    const ended = await waitUntilTasksStopped(
      { client: ecs, maxWaitTime: 10, minDelay: 1, maxDelay: 1 },
      { tasks: [arns[0] ?? ''] },
    );
    expect(ended.state).toBe('SUCCESS');
    const list = async (more: object) => (await ecs.send(new ListTasksCommand({ startedBy: 'me', ...more }))).taskArns;
    expect(await list({})).toEqual([arns[1]]);
    expect(await list({ desiredStatus: 'STOPPED' })).toEqual([arns[0]]);
    expect(await list({ desiredStatus: 'PENDING' })).toEqual([]);
  });

  it('are made once for one token, and another request with it is a conflict', async () => {
    const clientToken = 'token-1';
    const first = await run({ count: 2, clientToken });
    const again = await run({ count: 2, clientToken });
    expect(again.tasks?.map(({ taskArn }) => taskArn)).toEqual(first.tasks?.map(({ taskArn }) => taskArn));
    expect(await refusal(run({ count: 2, clientToken, startedBy: 'x' }))).toMatch(/^ConflictException: /);
    expect(await refusal(run({ clientToken: 'é' }))).toContain('clientToken must have');
  });

  it('come in pages', async () => {
    for (let i = 0; i < 3; i++) await run({ count: 10, group: 'many' });
    const found: string[] = [];
    for await (const { taskArns = [] } of paginateListTasks({ client: ecs, pageSize: 7 }, { family: 'app' }))
      found.push(...taskArns);
    expect(found.length).toBeGreaterThanOrEqual(30);
    expect(new Set(found).size).toBe(found.length);
    const described = await ecs.send(new DescribeTasksCommand({ tasks: found.slice(0, 30) }));
    expect(described.tasks).toHaveLength(30);
  });

  it('that are not there are failures, or an error of the one that is stopped', async () => {
    const { failures, tasks } = await ecs.send(new DescribeTasksCommand({ tasks: ['nothing'] }));
    expect(tasks).toEqual([]);
    expect(failures).toEqual([
      { arn: 'arn:aws:ecs:eu-central-1:123456789012:task/default/nothing', reason: 'MISSING' },
    ]);
    expect(await refusal(ecs.send(new StopTaskCommand({ task: 'nothing' })))).toBe(
      'InvalidParameterException: The referenced task was not found.',
    );
    expect(await refusal(ecs.send(new DescribeTasksCommand({ tasks: [] })))).toContain('Tasks cannot be empty.');
    const elsewhere = 'arn:aws:ecs:eu-central-1:123456789012:task/other/x';
    expect((await ecs.send(new DescribeTasksCommand({ tasks: [elsewhere] }))).failures).toEqual([
      { arn: elsewhere, reason: 'MISSING' },
    ]);
  });

  it.each<[string, Partial<RunTaskCommandInput>, string]>([
    ['eleven', { count: 11 }, 'InvalidParameterException: count must be between 1 and 10.'],
    ['of nothing', { taskDefinition: 'nothing' }, 'ClientException: TaskDefinition not found.'],
    ['without a definition', { taskDefinition: undefined }, 'TaskDefinition can not be blank.'],
    [
      'with an override for nobody',
      { overrides: { containerOverrides: [{ name: 'db' }] } },
      'InvalidParameterException: Override for container named db is not a container in the TaskDefinition.',
    ],
    [
      'in awsvpc without a network',
      { taskDefinition: 'vpc' },
      "InvalidParameterException: Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    ],
    [
      'in bridge with one',
      { networkConfiguration: { awsvpcConfiguration: { subnets: ['default'] } } },
      'InvalidParameterException: Network Configuration is not valid for the given networkMode of this task definition.',
    ],
    [
      'on a network that is not there',
      { taskDefinition: 'vpc', networkConfiguration: { awsvpcConfiguration: { subnets: ['lan'] } } },
      "The subnet ID 'lan' does not exist",
    ],
    [
      'on Fargate, which it is not for',
      { launchType: 'FARGATE' },
      'Task definition does not support launch_type FARGATE.',
    ],
    [
      'both ways',
      { launchType: 'EC2', capacityProviderStrategy: [{ capacityProvider: 'FARGATE' }] },
      'Specifying both a launch type and capacity provider strategy is not supported.',
    ],
    [
      'on a provider that is not there',
      { capacityProviderStrategy: [{ capacityProvider: 'x' }] },
      "The specified capacity provider 'x' was not found.",
    ],
    [
      'with six strategies',
      { placementStrategy: Array.from({ length: 6 }, () => ({ type: 'random' as const })) },
      'placementStrategy can have at most 5 items.',
    ],
    [
      'with a strategy of another field',
      { placementStrategy: [{ type: 'binpack', field: 'disk' }] },
      "Unsupported field 'disk' for the placement strategy binpack",
    ],
    ['with an empty expression', { placementConstraints: [{ type: 'memberOf' }] }, 'can not be blank'],
    ['as a service', { group: 'service:web' }, "group can not begin with 'service:'"],
  ])('are refused: %s', async (_, more, text) => {
    expect(await refusal(run(more))).toContain(text);
  });

  it('of services are protected for a time', async () => {
    const spec = { taskDefinition: 'app:1', serviceName: 'web', group: 'service:web' };
    const metadata = { name: 'of-a-service', namespace: 'default' };
    await server.create({ apiVersion: 'ecs.slipway.dev/v1', kind: 'Task', metadata, spec } as KubeObject, 'tasks');
    const { tasks: standalone = [] } = await run();
    const tasks = ['of-a-service', idOf(standalone[0]?.taskArn)];
    const done = await ecs.send(
      new UpdateTaskProtectionCommand({ cluster: 'default', tasks, protectionEnabled: true, expiresInMinutes: 10 }),
    );
    expect(done.protectedTasks).toMatchObject([{ protectionEnabled: true, expirationDate: expect.any(Date) }]);
    expect(done.failures).toMatchObject([{ reason: 'TASK_NOT_VALID' }]);
    const read = async () => (await ecs.send(new GetTaskProtectionCommand({ cluster: 'default' }))).protectedTasks;
    expect(await read()).toMatchObject([{ protectionEnabled: true }]);
    await ecs.send(
      new UpdateTaskProtectionCommand({ cluster: 'default', tasks: tasks.slice(0, 1), protectionEnabled: false }),
    );
    expect(await read()).toMatchObject([{ protectionEnabled: false }]);
    const long = new UpdateTaskProtectionCommand({
      cluster: 'default',
      tasks,
      protectionEnabled: true,
      expiresInMinutes: 2881,
    });
    expect(await refusal(ecs.send(long))).toContain('expiresInMinutes must be between 1 and 2880.');
  });
});

describe('container instances', () => {
  it('are shown, drained, given attributes, and chosen', async () => {
    const make = (name: string, spec: object) =>
      server.create(
        { apiVersion: 'ecs.slipway.dev/v1', kind: 'ContainerInstance', metadata: { name }, spec } as KubeObject,
        'containerinstances',
      );
    await make('node-1', {});
    await make('node-2', { cluster: 'other' });
    await server.setStatus('containerinstances', 'node-1', {
      status: 'ACTIVE',
      agentConnected: true,
      registeredResources: [{ name: 'CPU', type: 'INTEGER', integerValue: 2048 }],
      attributes: [{ name: 'ecs.os-type', value: 'linux' }],
    });
    const arn = 'arn:aws:ecs:eu-central-1:123456789012:container-instance/default/node-1';
    const list = async (status?: 'DRAINING') =>
      (await ecs.send(new ListContainerInstancesCommand({ status }))).containerInstanceArns;
    expect(await list()).toEqual([arn]);
    const { containerInstances, failures } = await ecs.send(
      new DescribeContainerInstancesCommand({ containerInstances: ['node-1', 'node-2'] }),
    );
    expect(containerInstances).toMatchObject([
      {
        containerInstanceArn: arn,
        status: 'ACTIVE',
        agentConnected: true,
        registeredResources: [{ integerValue: 2048 }],
      },
    ]);
    expect(failures).toMatchObject([{ reason: 'MISSING' }]);
    await ecs.send(new PutAttributesCommand({ attributes: [{ name: 'stack', value: 'prod', targetId: arn }] }));
    const found = await ecs.send(
      new ListAttributesCommand({ targetType: 'container-instance', attributeName: 'stack' }),
    );
    expect(found.attributes).toEqual([
      { name: 'stack', value: 'prod', targetType: 'container-instance', targetId: arn },
    ]);
    const drain = new UpdateContainerInstancesStateCommand({ containerInstances: [arn], status: 'DRAINING' });
    expect((await ecs.send(drain)).containerInstances).toMatchObject([{ status: 'DRAINING' }]);
    expect(await list('DRAINING')).toEqual([arn]);
    const { tasks, failures: missing } = await ecs.send(
      new StartTaskCommand({ taskDefinition: 'app', containerInstances: ['node-1', 'node-9'] }),
    );
    expect(tasks).toMatchObject([{ containerInstanceArn: arn }]);
    expect(missing).toMatchObject([{ reason: 'MISSING' }]);
  });
});

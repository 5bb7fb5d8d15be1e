/** The limits of ECS, one row each: what is sent, which exception answers, and the words that name the field. */
import { ECSServiceException } from '@aws-sdk/client-ecs';
import * as sdk from '@aws-sdk/client-ecs';
import { refusedOperations, servedOperations } from '@slipway/apiserver/ecs-model';
import { type EcsTestServer, startEcsServer } from './ecs-server.ts';

let server: EcsTestServer;
let ecs: sdk.ECSClient;

const app: sdk.ContainerDefinition = { name: 'app', image: 'a', memory: 64, portMappings: [{ containerPort: 80 }] };

beforeAll(async () => {
  server = await startEcsServer();
  ecs = server.client();
  await ecs.send(new sdk.CreateClusterCommand({}));
  await ecs.send(new sdk.RegisterTaskDefinitionCommand({ family: 'app', containerDefinitions: [app] }));
  const metadata = { name: 'node-1' };
  await server.create(
    { apiVersion: 'ecs.slipway.dev/v1', kind: 'ContainerInstance', metadata, spec: {} } as never,
    'containerinstances',
  );
});

afterAll(() => server.stop());

type Row = readonly [what: string, command: () => Promise<unknown>, code: string, ...words: string[]];

const many = (count: number) => Array.from({ length: count }, (_, index) => `x${index}`);
// One type for all: nobody reads what is answered here.
const send = (command: unknown) => ecs.send(command as sdk.ListClustersCommand);
const register = (
  container: Partial<sdk.ContainerDefinition>,
  more: Partial<sdk.RegisterTaskDefinitionCommandInput> = {},
) =>
  send(
    new sdk.RegisterTaskDefinitionCommand({
      family: 'refused',
      containerDefinitions: [{ ...app, ...container }],
      ...more,
    }),
  );
const fargate: Partial<sdk.RegisterTaskDefinitionCommandInput> = {
  requiresCompatibilities: ['FARGATE'],
  networkMode: 'awsvpc',
  cpu: '256',
  memory: '512',
};
const run = (more: Partial<sdk.RunTaskCommandInput>) =>
  send(new sdk.RunTaskCommand({ taskDefinition: 'app', ...more }));
const put = (attribute: sdk.Attribute) =>
  send(new sdk.PutAttributesCommand({ attributes: [{ targetId: 'node-1', ...attribute }] }));
const provider = (managedScaling: sdk.ManagedScaling) =>
  send(
    new sdk.CreateCapacityProviderCommand({
      name: 'refused',
      autoScalingGroupProvider: { autoScalingGroupArn: 'arn:x', managedScaling },
    }),
  );
const memberOf = (expression: string): sdk.TaskDefinitionPlacementConstraint[] => [{ type: 'memberOf', expression }];

const client = 'ClientException';
const parameter = 'InvalidParameterException';

const containers: readonly Row[] = [
  [
    'a capability that there is not',
    () => register({ linuxParameters: { capabilities: { add: ['FLY'] } } }),
    client,
    "'FLY'",
    'capabilities.add',
  ],
  [
    'a tmpfs without size',
    () => register({ linuxParameters: { tmpfs: [{ containerPath: '/t', size: 0 }] } }),
    client,
    "'size'",
  ],
  [
    'a tmpfs with a relative path',
    () => register({ linuxParameters: { tmpfs: [{ containerPath: 't', size: 1 }] } }),
    client,
    "'containerPath'",
  ],
  [
    'an unknown option of a tmpfs',
    () => register({ linuxParameters: { tmpfs: [{ containerPath: '/t', size: 1, mountOptions: ['fast'] }] } }),
    client,
    "'fast'",
  ],
  ['too much swappiness', () => register({ linuxParameters: { swappiness: 101 } }), client, "'swappiness'"],
  ['less swap than none', () => register({ linuxParameters: { maxSwap: -1 } }), client, "'maxSwap'"],
  ['five MiB', () => register({ memory: 5 }), client, "'memory'", '6 MiB'],
  ['less CPU than none', () => register({ cpu: -1 }), client, "'cpu'"],
  [
    'a port mapping with an odd name',
    () => register({ portMappings: [{ containerPort: 80, name: 'Web' }] }),
    client,
    "'name'",
    'portMappings',
  ],
  [
    'two ports of one name',
    () =>
      register({
        portMappings: [
          { containerPort: 80, name: 'a' },
          { containerPort: 81, name: 'a' },
        ],
      }),
    client,
    "'a'",
    'more than once',
  ],
  ['port zero', () => register({ portMappings: [{ containerPort: 0 }] }), client, "'containerPort'"],
  [
    'a port and a range',
    () => register({ portMappings: [{ containerPort: 80, containerPortRange: '80-81' }] }),
    client,
    "'containerPortRange'",
  ],
  [
    'a range in host mode',
    () => register({ portMappings: [{ containerPortRange: '80-81' }] }, { networkMode: 'host' }),
    client,
    "'containerPortRange'",
  ],
  [
    '101 ranges',
    () => register({ portMappings: many(101).map((_, at) => ({ containerPortRange: `${8000 + at}-${8000 + at}` })) }),
    client,
    'containerPortRange',
  ],
  ['a host name in awsvpc', () => register({ hostname: 'a' }, { networkMode: 'awsvpc' }), client, 'Hostname'],
  [
    'DNS servers in awsvpc',
    () => register({ dnsServers: ['1.1.1.1'] }, { networkMode: 'awsvpc' }),
    client,
    "'dnsServers'",
  ],
  [
    'search domains in awsvpc',
    () => register({ dnsSearchDomains: ['a'] }, { networkMode: 'awsvpc' }),
    client,
    "'dnsSearchDomains'",
  ],
  [
    'no network in awsvpc',
    () => register({ disableNetworking: true }, { networkMode: 'awsvpc' }),
    client,
    "'disableNetworking'",
  ],
  [
    'extra hosts in awsvpc',
    () => register({ extraHosts: [{ hostname: 'a', ipAddress: '10.0.0.1' }] }, { networkMode: 'awsvpc' }),
    client,
    'Extra hosts',
  ],
  ['a start timeout of a second', () => register({ startTimeout: 1 }), client, 'start timeout'],
  ['a stop timeout of a second', () => register({ stopTimeout: 1 }), client, 'stop timeout'],
  [
    '51 exit codes',
    () => register({ restartPolicy: { enabled: true, ignoredExitCodes: many(51).map((_, at) => at) } }),
    client,
    'ignoredExitCodes',
  ],
  [
    'a restart period that is too long',
    () => register({ restartPolicy: { enabled: true, restartAttemptPeriod: 1801 } }),
    client,
    'restartAttemptPeriod',
  ],
  [
    'a check that waits too long',
    () => register({ healthCheck: { command: ['CMD', 'x'], timeout: 61 } }),
    client,
    'timeout',
  ],
  [
    'a check with too many retries',
    () => register({ healthCheck: { command: ['CMD', 'x'], retries: 11 } }),
    client,
    'retries',
  ],
  [
    'a check with a long start',
    () => register({ healthCheck: { command: ['CMD', 'x'], startPeriod: 301 } }),
    client,
    'startPeriod',
  ],
  ['a check of nothing', () => register({ healthCheck: { command: ['CMD-SHELL'] } }), client, 'healthCheck'],
  [
    'limits the wrong way round',
    () => register({ ulimits: [{ name: 'nofile', softLimit: 2, hardLimit: 1 }] }),
    client,
    'softLimit',
    'nofile',
  ],
  [
    'a secret of the name of a variable',
    () => register({ environment: [{ name: 'A', value: '1' }], secrets: [{ name: 'A', valueFrom: 's/k' }] }),
    client,
    'secret name must be unique',
    "'A'",
  ],
  ['a variable without a name', () => register({ environment: [{ value: '1' }] }), client, 'environment'],
  [
    'an environment file from elsewhere',
    () => register({ environmentFiles: [{ value: 'x', type: 'http' as 's3' }] }),
    client,
    'environmentFiles[0].type',
  ],
  [
    'eleven environment files',
    () => register({ environmentFiles: many(11).map((value) => ({ value, type: 's3' as const })) }),
    client,
    'environmentFiles',
  ],
  [
    'a log driver that there is not',
    () => register({ logConfiguration: { logDriver: 'tape' as 'gelf' } }),
    client,
    'logConfiguration.logDriver',
  ],
  ['an image with blanks', () => register({ image: 'a b' }), client, 'Container.image'],
];

const definitions: readonly Row[] = [
  ['a family of 256 characters', () => register({}, { family: 'a'.repeat(256) }), client, 'Family'],
  ['half a unit', () => register({}, { cpu: '0.5' }), client, "'cpu'"],
  ['less than an eighth of a vCPU', () => register({}, { cpu: '127' }), client, "'cpu'"],
  ['no memory', () => register({}, { memory: '0' }), client, "'memory'"],
  ['more memory than the task', () => register({ memory: 512 }, { memory: '256' }), client, "'memory'"],
  ['a pid mode that there is not', () => register({}, { pidMode: 'shared' as 'host' }), client, 'pidMode'],
  [
    'little ephemeral storage',
    () => register({}, { ephemeralStorage: { sizeInGiB: 20 } }),
    client,
    'ephemeralStorage.sizeInGiB',
  ],
  [
    'eleven constraints',
    () => register({}, { placementConstraints: many(11).flatMap(() => memberOf('attribute:a exists')) }),
    client,
    'placementConstraints',
  ],
  [
    'a constraint that is no expression',
    () => register({}, { placementConstraints: memberOf('attribute:a') }),
    client,
    'placementConstraints',
    'ends too early',
  ],
  [
    'a constraint of 2001 characters',
    () => register({}, { placementConstraints: memberOf(`attribute:a == ${'b'.repeat(1_990)}`) }),
    client,
    'placementConstraints',
    '2000',
  ],
  ['a volume twice', () => register({}, { volumes: [{ name: 'v' }, { name: 'v' }] }), client, "Volume.name 'v'"],
  ['a volume with blanks', () => register({}, { volumes: [{ name: 'v v' }] }), client, 'Volume.name'],
  [
    'a volume of two kinds',
    () => register({}, { volumes: [{ name: 'v', host: {}, dockerVolumeConfiguration: {} }] }),
    client,
    "volume 'v'",
  ],
  [
    'autoprovision of a task volume',
    () => register({}, { volumes: [{ name: 'v', dockerVolumeConfiguration: { scope: 'task', autoprovision: true } }] }),
    client,
    'autoprovision',
  ],
  ['51 tags', () => register({}, { tags: many(51).map((key) => ({ key, value: '' })) }), client, 'tags'],
  ['a tag with odd characters', () => register({}, { tags: [{ key: 'a?', value: '' }] }), client, 'tags[0].key'],
  [
    'a tag of 257 characters',
    () => register({}, { tags: [{ key: 'a', value: 'x'.repeat(257) }] }),
    client,
    'tags[0].value',
  ],
  [
    '64 KiB',
    () =>
      register({
        environment: [
          { name: 'A', value: 'x'.repeat(65_000) },
          { name: 'B', value: 'x'.repeat(600) },
        ],
      }),
    client,
    'larger than 65536',
  ],
  [
    'windows',
    () => register({}, { runtimePlatform: { operatingSystemFamily: 'WINDOWS_SERVER_2022_CORE' } }),
    client,
    'Windows',
  ],
  ['Fargate and privileged', () => register({ privileged: true }, fargate), client, "'privileged'"],
  [
    'Fargate and devices',
    () => register({ linuxParameters: { devices: [{ hostPath: '/dev/x' }] } }, fargate),
    client,
    "'devices'",
  ],
  [
    'Fargate and capabilities',
    () => register({ linuxParameters: { capabilities: { add: ['NET_ADMIN'] } } }, fargate),
    client,
    'SYS_PTRACE',
  ],
  ['Fargate and a long stop', () => register({ stopTimeout: 121 }, fargate), client, 'stop timeout', '120'],
  ['Fargate and a long start', () => register({ startTimeout: 121 }, fargate), client, 'start timeout', '120'],
  ['Fargate and the pid mode host', () => register({}, { ...fargate, pidMode: 'host' }), client, "'pidMode' host"],
  [
    'Fargate and constraints',
    () => register({}, { ...fargate, placementConstraints: memberOf('attribute:a exists') }),
    client,
    "'placementConstraints'",
  ],
  [
    'Fargate and Docker volumes',
    () => register({}, { ...fargate, volumes: [{ name: 'v', dockerVolumeConfiguration: {} }] }),
    client,
    "'dockerVolumeConfiguration'",
  ],
  ['Fargate in bridge', () => register({}, { ...fargate, networkMode: 'bridge' }), client, 'network mode'],
];

const tasks: readonly Row[] = [
  ['no task', () => run({ count: 0 }), parameter, 'count'],
  ['a long startedBy', () => run({ startedBy: 'x'.repeat(129) }), parameter, 'startedBy', '128'],
  ['an odd startedBy', () => run({ startedBy: 'a b' }), parameter, 'startedBy'],
  ['a long group', () => run({ group: 'x'.repeat(256) }), parameter, "'group'"],
  ['a long reference', () => run({ referenceId: 'x'.repeat(1_025) }), parameter, "'referenceId'"],
  ['a long token', () => run({ clientToken: 'x'.repeat(65) }), parameter, 'clientToken'],
  [
    'long overrides',
    () =>
      run({
        overrides: { containerOverrides: [{ name: 'app', environment: [{ name: 'A', value: 'x'.repeat(8_192) }] }] },
      }),
    parameter,
    'Overrides',
  ],
  [
    'little storage by override',
    () => run({ overrides: { ephemeralStorage: { sizeInGiB: 1 } } }),
    parameter,
    'overrides.ephemeralStorage.sizeInGiB',
  ],
  [
    'eleven constraints',
    () => run({ placementConstraints: many(11).map(() => ({ type: 'distinctInstance' as const })) }),
    parameter,
    'placementConstraints',
  ],
  [
    'a constraint that is no expression',
    () => run({ placementConstraints: [{ type: 'memberOf', expression: 'color == red' }] }),
    parameter,
    'placementConstraints',
    '"color"',
  ],
  ['a group by a field', () => run({ placementStrategy: [{ type: 'spread', field: 'color' }] }), parameter, "'color'"],
  ['tags of a service', () => run({ propagateTags: 'SERVICE' }), parameter, 'propagateTags'],
  [
    'volumes of EBS',
    () => run({ volumeConfigurations: [{ name: 'v' }] }),
    'UnsupportedFeatureException',
    'volumeConfigurations',
  ],
  [
    'a heavy provider',
    () => run({ capacityProviderStrategy: [{ capacityProvider: 'FARGATE', weight: 1_001 }] }),
    parameter,
    'capacityProviderStrategy[0].weight',
  ],
  [
    'two bases',
    () =>
      run({
        capacityProviderStrategy: [
          { capacityProvider: 'FARGATE', base: 1 },
          { capacityProvider: 'FARGATE_SPOT', base: 1, weight: 1 },
        ],
      }),
    parameter,
    'base',
  ],
  [
    'only weightless providers',
    () => run({ capacityProviderStrategy: [{ capacityProvider: 'FARGATE' }, { capacityProvider: 'FARGATE_SPOT' }] }),
    parameter,
    'weight',
  ],
  [
    'eleven instances',
    () => send(new sdk.StartTaskCommand({ taskDefinition: 'app', containerInstances: many(11) })),
    parameter,
    'containerInstances',
  ],
  ['101 tasks', () => send(new sdk.DescribeTasksCommand({ tasks: many(101) })), parameter, 'tasks'],
  ['a page of 101', () => send(new sdk.ListTasksCommand({ maxResults: 101 })), parameter, 'maxResults'],
  ['a page of none', () => send(new sdk.ListTasksCommand({ maxResults: 0 })), parameter, 'maxResults'],
  ['a token of nobody', () => send(new sdk.ListTasksCommand({ nextToken: '?' })), parameter, 'token'],
  [
    'tasks of a service that there is not',
    () => send(new sdk.ListTasksCommand({ serviceName: 'no' })),
    'ServiceNotFoundException',
    'Service',
  ],
  ['starter and family', () => send(new sdk.ListTasksCommand({ startedBy: 'a', family: 'b' })), parameter, 'startedBy'],
  [
    'eleven to protect',
    () => send(new sdk.UpdateTaskProtectionCommand({ cluster: 'default', tasks: many(11), protectionEnabled: true })),
    parameter,
    'tasks',
  ],
  [
    'protection of no time',
    () =>
      send(
        new sdk.UpdateTaskProtectionCommand({
          cluster: 'default',
          tasks: ['x'],
          protectionEnabled: true,
          expiresInMinutes: 0,
        }),
      ),
    parameter,
    'expiresInMinutes',
  ],
];

const account: readonly Row[] = [
  [
    'a cluster of 256 characters',
    () => send(new sdk.CreateClusterCommand({ clusterName: 'a'.repeat(256) })),
    parameter,
    'cluster name',
  ],
  [
    'a setting that there is not',
    () =>
      send(new sdk.CreateClusterCommand({ clusterName: 'x', settings: [{ name: 'color' as 'containerInsights' }] })),
    parameter,
    'settings[0].name',
  ],
  [
    'a value that there is not',
    () =>
      send(
        new sdk.CreateClusterCommand({ clusterName: 'x', settings: [{ name: 'containerInsights', value: 'perhaps' }] }),
      ),
    parameter,
    'containerInsights',
    "'perhaps'",
  ],
  ['101 clusters', () => send(new sdk.DescribeClustersCommand({ clusters: many(101) })), parameter, 'clusters'],
  [
    'a strategy of others',
    () =>
      send(
        new sdk.PutClusterCapacityProvidersCommand({
          cluster: 'default',
          capacityProviders: ['FARGATE'],
          defaultCapacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT' }],
        }),
      ),
    parameter,
    'FARGATE_SPOT',
  ],
  [
    'a provider with blanks',
    () =>
      send(
        new sdk.CreateCapacityProviderCommand({ name: 'a b', autoScalingGroupProvider: { autoScalingGroupArn: 'x' } }),
      ),
    client,
    'capacity provider name',
  ],
  [
    'a provider of nothing',
    () => send(new sdk.CreateCapacityProviderCommand({ name: 'x' })),
    client,
    'autoScalingGroupProvider',
  ],
  ['a target of 101 percent', () => provider({ targetCapacity: 101 }), parameter, 'targetCapacity'],
  ['a step of none', () => provider({ minimumScalingStepSize: 0 }), parameter, 'minimumScalingStepSize'],
  ['a step that is too large', () => provider({ maximumScalingStepSize: 10_001 }), parameter, 'maximumScalingStepSize'],
  ['a long warm-up', () => provider({ instanceWarmupPeriod: 10_001 }), parameter, 'instanceWarmupPeriod'],
  [
    'a change of FARGATE',
    () => send(new sdk.DeleteCapacityProviderCommand({ capacityProvider: 'FARGATE' })),
    parameter,
    'FARGATE',
  ],
  ['an attribute with blanks', () => put({ name: 'a b' }), parameter, 'attribute name', 'a b'],
  ['a value with a blank at its end', () => put({ name: 'a', value: 'b ' }), parameter, "'a'"],
  ['an attribute of nobody', () => put({ name: 'a', targetId: 'node-9' }), 'TargetNotFoundException', 'node-9'],
  [
    'eleven attributes',
    () => send(new sdk.PutAttributesCommand({ attributes: many(11).map((name) => ({ name, targetId: 'node-1' })) })),
    parameter,
    'attributes',
  ],
  [
    'an attribute of another kind',
    () => put({ name: 'a', targetType: 'task' as 'container-instance' }),
    parameter,
    'targetType',
  ],
  [
    'a value without a name',
    () => send(new sdk.ListAttributesCommand({ targetType: 'container-instance', attributeValue: 'x' })),
    parameter,
    'attributeName',
  ],
  [
    'a filter that is none',
    () => send(new sdk.ListContainerInstancesCommand({ filter: 'attribute:a ==' })),
    parameter,
    'filter',
  ],
  [
    'a state that nobody asks for',
    () => send(new sdk.UpdateContainerInstancesStateCommand({ containerInstances: ['node-1'], status: 'REGISTERING' })),
    parameter,
    'REGISTERING',
  ],
  [
    '101 instances',
    () => send(new sdk.DescribeContainerInstancesCommand({ containerInstances: many(101) })),
    parameter,
    'containerInstances',
  ],
  ['eleven services', () => send(new sdk.DescribeServicesCommand({ services: many(11) })), parameter, 'services'],
  [
    'eleven definitions',
    () => send(new sdk.DeleteTaskDefinitionsCommand({ taskDefinitions: many(11) })),
    parameter,
    'taskDefinitions',
  ],
  [
    'an ARN of something else',
    () => send(new sdk.DescribeClustersCommand({ clusters: ['arn:aws:ecs:x:1:service/a/b'] })),
    parameter,
    'service/a/b',
  ],
  ['tags of nothing', () => send(new sdk.ListTagsForResourceCommand({ resourceArn: 'nothing' })), parameter, 'nothing'],
];

describe.each([
  ['a container', containers],
  ['a task definition', definitions],
  ['tasks', tasks],
  ['the account', account],
])('%s', (_, rows) => {
  it.each(rows.map((row) => [row[0], row] as const))('%s', async (_what, [, command, code, ...words]) => {
    const error = await command().then(
      () => new Error('it was taken'),
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ECSServiceException);
    const { name, message } = error as ECSServiceException;
    expect(`${name}: ${message}`).toMatch(new RegExp(`^${code}: `));
    for (const word of words) expect(message).toContain(word);
  });
});

it('exceptions are those classes of the SDK', async () => {
  const thrown = async (command: Promise<unknown>) => command.catch((error: unknown) => error);
  expect(await thrown(run({ cluster: 'nowhere' }))).toBeInstanceOf(sdk.ClusterNotFoundException);
  expect(await thrown(run({ count: 11 }))).toBeInstanceOf(sdk.InvalidParameterException);
  expect(await thrown(run({ taskDefinition: 'no' }))).toBeInstanceOf(sdk.ClientException);
  const update = new sdk.UpdateServiceCommand({ service: 'no' });
  expect(await thrown(send(update))).toBeInstanceOf(sdk.ServiceNotFoundException);
  expect(await thrown(put({ name: 'a', targetId: 'no' }))).toBeInstanceOf(sdk.TargetNotFoundException);
  const unserved = new sdk.CreateTaskSetCommand({ cluster: 'a', service: 'a', taskDefinition: 'a' });
  expect(await thrown(send(unserved))).toBeInstanceOf(sdk.UnsupportedFeatureException);
  await run({ clientToken: 'once' });
  const conflict = await thrown(run({ clientToken: 'once', count: 2, startedBy: 'other' }));
  expect(conflict).toBeInstanceOf(sdk.ConflictException);
  expect((conflict as sdk.ConflictException).resourceIds?.[0]).toContain('task/default/');
});

it('every operation of the SDK is served, or refused by name', () => {
  const known = new Set<string>([...servedOperations, ...Object.keys(refusedOperations)]);
  const commands = Object.keys(sdk).filter((name) => name.endsWith('Command') && name !== '$Command');
  expect(commands.map((name) => name.replace(/Command$/, '')).filter((name) => !known.has(name))).toEqual([]);
});

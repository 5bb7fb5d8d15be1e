/** Services, and what else an account has, through AWS' own client. The test is the service scheduler. */
import {
  CreateCapacityProviderCommand,
  CreateClusterCommand,
  CreateServiceCommand,
  type CreateServiceCommandInput,
  CreateTaskSetCommand,
  DeleteCapacityProviderCommand,
  DeleteServiceCommand,
  DescribeCapacityProvidersCommand,
  DescribeServiceDeploymentsCommand,
  DescribeServiceRevisionsCommand,
  DescribeServicesCommand,
  type ECSClient,
  ListAccountSettingsCommand,
  ListServiceDeploymentsCommand,
  ListServicesCommand,
  ListTagsForResourceCommand,
  paginateListServices,
  PutAccountSettingCommand,
  RegisterTaskDefinitionCommand,
  StopServiceDeploymentCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateServiceCommand,
  waitUntilServicesInactive,
  waitUntilServicesStable,
} from '@aws-sdk/client-ecs';
import type { KubeObject } from '@slipway/api/types';
import { neverAborted } from '@slipway/kit/abort';
import { eventually } from '../harness/eventually.ts';
import { type EcsTestServer, startEcsServer } from './ecs-server.ts';

let server: EcsTestServer;
let ecs: ECSClient;

beforeAll(async () => {
  server = await startEcsServer();
  ecs = server.client();
  await ecs.send(new CreateClusterCommand({}));
  const containerDefinitions = [{ name: 'app', image: 'a', memory: 64, portMappings: [{ containerPort: 80 }] }];
  for (let i = 0; i < 2; i++)
    await ecs.send(new RegisterTaskDefinitionCommand({ family: 'app', containerDefinitions }));
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

const create = (serviceName: string, more: Partial<CreateServiceCommandInput> = {}) =>
  ecs.send(new CreateServiceCommand({ serviceName, taskDefinition: 'app:1', desiredCount: 1, ...more }));
const describeOne = async (service: string) =>
  (await ecs.send(new DescribeServicesCommand({ services: [service] }))).services?.[0];
/** Until the service's spec has the definition, as a watcher of it sees. */
const eventuallyWanted = (name: string, definition: string) =>
  eventually(`${name} to be of ${definition}`, async () => {
    const path = { group: 'ecs.slipway.dev', version: 'v1', resource: 'services', namespace: 'default', name };
    const found = await server.transport.send({ verb: 'get', path }, neverAborted);
    expect(found).toMatchObject({ spec: { taskDefinition: definition } });
  });
const fast = { maxWaitTime: 10, minDelay: 1, maxDelay: 1 };
const arnOf = (rest: string) => `arn:aws:ecs:eu-central-1:123456789012:${rest}`;

describe('services', () => {
  it('are made, become stable, change, drain and are INACTIVE', async () => {
    const { service } = await create('web', { tags: [{ key: 'a', value: '1' }] });
    expect(service).toMatchObject({
      serviceArn: arnOf('service/default/web'),
      status: 'ACTIVE',
      desiredCount: 1,
      runningCount: 0,
      launchType: 'EC2',
      schedulingStrategy: 'REPLICA',
      taskDefinition: arnOf('task-definition/app:1'),
      deploymentConfiguration: { maximumPercent: 200, minimumHealthyPercent: 100 },
      deploymentController: { type: 'ECS' },
      createdBy: 'arn:aws:iam::123456789012:user/alice',
    });
    const stable = waitUntilServicesStable({ client: ecs, ...fast }, { services: ['web'] });
    const createdAt = '2026-01-02T03:04:05Z';
    const deployment = {
      id: 'ecs-svc/1',
      status: 'PRIMARY',
      taskDefinition: 'app:1',
      createdAt,
      rolloutState: 'COMPLETED',
    };
    const events = [{ id: 'e1', createdAt, message: '(service web) has reached a steady state.' }];
    const status = { status: 'ACTIVE', runningCount: 1, deployments: [deployment], events };
    await server.setStatus('services', 'web', status, 'default');
    expect((await stable).state).toBe('SUCCESS');
    expect(await describeOne('web')).toMatchObject({
      runningCount: 1,
      deployments: [
        { id: 'ecs-svc/1', taskDefinition: arnOf('task-definition/app:1'), createdAt: new Date(createdAt) },
      ],
      events: [{ message: '(service web) has reached a steady state.' }],
    });

    const update = (more: object) => ecs.send(new UpdateServiceCommand({ service: 'web', ...more }));
    expect((await update({ taskDefinition: 'app', desiredCount: 3 })).service).toMatchObject({
      taskDefinition: arnOf('task-definition/app:2'),
      desiredCount: 3,
    });
    const configuration = { deploymentConfiguration: { minimumHealthyPercent: 50 } };
    expect(
      (await update({ ...configuration, forceNewDeployment: true })).service?.deploymentConfiguration,
    ).toMatchObject({
      maximumPercent: 200,
      minimumHealthyPercent: 50,
    });
    const path = { group: 'ecs.slipway.dev', version: 'v1', resource: 'services', namespace: 'default', name: 'web' };
    const object = await server.transport.send({ verb: 'get', path }, neverAborted);
    expect(object).toMatchObject({ spec: { taskDefinition: 'app:2', forceNewDeployment: 1, desiredCount: 3 } });

    const remove = (force: boolean) => ecs.send(new DeleteServiceCommand({ service: 'web', force }));
    expect(await refusal(remove(false))).toBe(
      'InvalidParameterException: The service cannot be stopped while it is scaled above 0.',
    );
    expect((await remove(true)).service).toMatchObject({ status: 'DRAINING', desiredCount: 0 });
    expect(await refusal(update({ desiredCount: 1 }))).toBe('ServiceNotActiveException: Service was not ACTIVE.');
    expect(await refusal(create('web'))).toContain('Unable to Start a service that is still Draining.');
    const inactive = waitUntilServicesInactive({ client: ecs, ...fast }, { services: ['web'] });
    await server.setStatus('services', 'web', { status: 'INACTIVE', runningCount: 0 }, 'default');
    expect((await inactive).state).toBe('SUCCESS');
    expect((await create('web')).service?.status).toBe('ACTIVE');
  });

  it('answer a change with the deployment that it begins, and show what runs after a roll-back', async () => {
    await create('back');
    const asGeneration = (observedGeneration: number, id: number, definition: string) => {
      const deployment = { id: `ecs-svc/${id}`, status: 'PRIMARY', taskDefinition: definition };
      return server.setStatus('services', 'back', { observedGeneration, deployments: [deployment] }, 'default');
    };
    await asGeneration(1, 1, 'app:1');
    const update = (more: object) => ecs.send(new UpdateServiceCommand({ service: 'back', ...more }));
    const changed = update({ taskDefinition: 'app:2' });
    await eventuallyWanted('back', 'app:2');
    await asGeneration(2, 2, 'app:2');
    expect((await changed).service?.deployments).toMatchObject([{ id: 'ecs-svc/2' }]);
    await asGeneration(2, 3, 'app:1');
    expect((await describeOne('back'))?.taskDefinition).toBe(arnOf('task-definition/app:1'));
    const forced = update({ forceNewDeployment: true });
    await eventuallyWanted('back', 'app:1');
    await asGeneration(3, 4, 'app:1');
    expect((await forced).service?.deployments).toMatchObject([{ id: 'ecs-svc/4' }]);
  });

  it('are made once for one token', async () => {
    await create('once', { clientToken: 't' });
    expect((await create('once', { clientToken: 't' })).service?.serviceName).toBe('once');
    const notIdempotent = 'InvalidParameterException: Creation of service was not idempotent.';
    expect(await refusal(create('once', { clientToken: 'u' }))).toBe(notIdempotent);
    expect(await refusal(create('once', { clientToken: 't', desiredCount: 5 }))).toBe(notIdempotent);
  });

  it('come in pages of ten', async () => {
    for (let i = 0; i < 11; i++) await create(`Many_${i}`);
    expect((await ecs.send(new ListServicesCommand({}))).serviceArns).toHaveLength(10);
    const found: string[] = [];
    for await (const { serviceArns = [] } of paginateListServices({ client: ecs }, {})) found.push(...serviceArns);
    expect(found.filter((arn) => arn.includes('Many_'))).toHaveLength(11);
    const { services, failures } = await ecs.send(new DescribeServicesCommand({ services: ['Many_3', 'nothing'] }));
    expect(services).toMatchObject([{ serviceName: 'Many_3' }]);
    expect(failures).toEqual([{ arn: arnOf('service/default/nothing'), reason: 'MISSING' }]);
  });

  it.each<[string, Partial<CreateServiceCommandInput>, string]>([
    ['a name with blanks', { serviceName: 'a b' }, 'Invalid service name'],
    ['no definition', { taskDefinition: undefined }, 'TaskDefinition can not be blank.'],
    ['no count', { desiredCount: undefined }, 'desiredCount is required when the scheduling strategy is REPLICA.'],
    [
      'a daemon with a count',
      { schedulingStrategy: 'DAEMON' },
      'The daemon scheduling strategy does not support a desired count for services.',
    ],
    [
      'percents that leave no room',
      { deploymentConfiguration: { maximumPercent: 100, minimumHealthyPercent: 100 } },
      'Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.',
    ],
    [
      'percents the wrong way round',
      { deploymentConfiguration: { maximumPercent: 50 } },
      'maximumPercent must be greater than or equal to minimumHealthyPercent.',
    ],
    [
      'a target without container',
      { loadBalancers: [{ targetGroupArn: 'x', containerName: 'db', containerPort: 80 }] },
      'The container db does not exist in the task definition.',
    ],
    [
      'a target of another port',
      { loadBalancers: [{ targetGroupArn: 'x', containerName: 'app', containerPort: 81 }] },
      'The container app did not have a container port 81 defined.',
    ],
    [
      'a grace without target',
      { healthCheckGracePeriodSeconds: 5 },
      'Health check grace period is only valid for services configured to use load balancers',
    ],
    [
      'blue and green',
      { deploymentConfiguration: { strategy: 'BLUE_GREEN' } },
      'UnsupportedFeatureException: The deployment strategy BLUE_GREEN is not served',
    ],
    [
      'another controller',
      { deploymentController: { type: 'CODE_DEPLOY' } },
      'UnsupportedFeatureException: The deployment controller CODE_DEPLOY is not served',
    ],
  ])('are refused: %s', async (_, more, text) => {
    expect(await refusal(create('refused', more))).toContain(text);
  });

  it('have deployments and revisions', async () => {
    await create('rolled');
    const make = (kind: string, resource: string, name: string, spec: object) =>
      server.create(
        { apiVersion: 'ecs.slipway.dev/v1', kind, metadata: { name, namespace: 'default' }, spec } as KubeObject,
        resource,
      );
    await make('ServiceRevision', 'servicerevisions', '111', { serviceName: 'rolled', taskDefinition: 'app:1' });
    await make('ServiceDeployment', 'servicedeployments', 'abc', {
      serviceName: 'rolled',
      targetServiceRevision: '111',
    });
    await server.setStatus('servicedeployments', 'abc', { status: 'IN_PROGRESS' }, 'default');
    const arn = arnOf('service-deployment/default/rolled/abc');
    const revision = arnOf('service-revision/default/rolled/111');
    const listed = await ecs.send(new ListServiceDeploymentsCommand({ service: 'rolled', status: ['IN_PROGRESS'] }));
    expect(listed.serviceDeployments).toMatchObject([
      { serviceDeploymentArn: arn, targetServiceRevisionArn: revision },
    ]);
    const described = await ecs.send(
      new DescribeServiceDeploymentsCommand({ serviceDeploymentArns: [arn, `${arn}x`] }),
    );
    expect(described.serviceDeployments).toMatchObject([
      { status: 'IN_PROGRESS', targetServiceRevision: { arn: revision } },
    ]);
    expect(described.failures).toEqual([{ arn: `${arn}x`, reason: 'MISSING' }]);
    const revisions = await ecs.send(new DescribeServiceRevisionsCommand({ serviceRevisionArns: [revision] }));
    expect(revisions.serviceRevisions).toMatchObject([{ taskDefinition: arnOf('task-definition/app:1') }]);
    await ecs.send(new StopServiceDeploymentCommand({ serviceDeploymentArn: arn }));
    await server.setStatus('servicedeployments', 'abc', { status: 'ROLLBACK_SUCCESSFUL' }, 'default');
    expect(await refusal(ecs.send(new StopServiceDeploymentCommand({ serviceDeploymentArn: arn })))).toMatch(
      /^ConflictException: /,
    );
    expect(await refusal(ecs.send(new StopServiceDeploymentCommand({ serviceDeploymentArn: `${arn}x` })))).toMatch(
      /^ServiceDeploymentNotFoundException: /,
    );
  });
});

describe('an account', () => {
  it('has capacity providers', async () => {
    const autoScalingGroupProvider = {
      autoScalingGroupArn: 'arn:aws:autoscaling:x:1:autoScalingGroup:u:autoScalingGroupName/fast',
    };
    const make = (name: string) => ecs.send(new CreateCapacityProviderCommand({ name, autoScalingGroupProvider }));
    expect((await make('Fast')).capacityProvider).toMatchObject({ name: 'Fast', status: 'ACTIVE' });
    expect(await refusal(make('Fast'))).toContain('already exists');
    expect(await refusal(make('aws-fast'))).toContain('The name cannot be prefixed with "aws", "ecs", or "fargate"');
    const all = await ecs.send(new DescribeCapacityProvidersCommand({}));
    expect(all.capacityProviders?.map(({ name }) => name)).toEqual(['FARGATE', 'FARGATE_SPOT', 'Fast']);
    const removed = await ecs.send(new DeleteCapacityProviderCommand({ capacityProvider: 'Fast' }));
    expect(removed.capacityProvider?.status).toBe('INACTIVE');
  });

  it('has settings, for everybody and for one', async () => {
    const read = async (effectiveSettings: boolean) =>
      (await ecs.send(new ListAccountSettingsCommand({ name: 'containerInsights', effectiveSettings }))).settings;
    expect(await read(false)).toEqual([]);
    expect(await read(true)).toMatchObject([{ value: 'disabled' }]);
    await ecs.send(new PutAccountSettingCommand({ name: 'containerInsights', value: 'enhanced' }));
    expect(await read(false)).toMatchObject([
      { value: 'enhanced', principalArn: 'arn:aws:iam::123456789012:user/alice' },
    ]);
    const odd = new PutAccountSettingCommand({ name: 'containerInsights', value: 'perhaps' });
    expect(await refusal(ecs.send(odd))).toContain(
      "The value 'perhaps' is not valid for the setting containerInsights",
    );
  });

  it('has tags on everything', async () => {
    await create('tagged');
    for (const resourceArn of [
      arnOf('service/default/tagged'),
      arnOf('task-definition/app:1'),
      arnOf('cluster/default'),
    ]) {
      await ecs.send(
        new TagResourceCommand({
          resourceArn,
          tags: [
            { key: 'a', value: '1' },
            { key: 'b', value: '2' },
          ],
        }),
      );
      await ecs.send(new UntagResourceCommand({ resourceArn, tagKeys: ['b'] }));
      const { tags } = await ecs.send(new ListTagsForResourceCommand({ resourceArn }));
      expect(tags).toEqual([{ key: 'a', value: '1' }]);
    }
    const nothing = new ListTagsForResourceCommand({ resourceArn: arnOf('service/default/nothing') });
    expect(await refusal(ecs.send(nothing))).toMatch(/^ResourceNotFoundException: /);
  });

  it('is told what is not served, and what to do instead', async () => {
    const command = new CreateTaskSetCommand({ cluster: 'default', service: 'x', taskDefinition: 'app' });
    expect(await refusal(ecs.send(command))).toBe(
      'UnsupportedFeatureException: CreateTaskSet is not served by this platform: the deployment controllers EXTERNAL and CODE_DEPLOY are not served.',
    );
  });
});

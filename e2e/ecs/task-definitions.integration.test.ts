/** Task definitions through AWS' own client, and the objects that they are. */
import {
  type ContainerDefinition,
  DeleteTaskDefinitionsCommand,
  DeregisterTaskDefinitionCommand,
  DescribeTaskDefinitionCommand,
  type ECSClient,
  ListTaskDefinitionFamiliesCommand,
  ListTaskDefinitionsCommand,
  paginateListTaskDefinitionFamilies,
  paginateListTaskDefinitions,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionCommandInput,
} from '@aws-sdk/client-ecs';
import type { KubeObject } from '@slipway/api/types';
import { neverAborted } from '@slipway/kit/abort';
import { type EcsTestServer, startEcsServer } from './ecs-server.ts';

let server: EcsTestServer;
let ecs: ECSClient;

beforeAll(async () => {
  server = await startEcsServer();
  ecs = server.client();
});

afterAll(() => server.stop());

const app: ContainerDefinition = { name: 'app', image: 'registry.example/app:1', memory: 64 };

function register(family: string, more: Partial<RegisterTaskDefinitionCommandInput> = {}) {
  return ecs.send(new RegisterTaskDefinitionCommand({ family, containerDefinitions: [app], ...more }));
}

async function refusal(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'taken';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

const arn = (reference: string) => `arn:aws:ecs:eu-central-1:123456789012:task-definition/${reference}`;

describe('RegisterTaskDefinition', () => {
  it('counts up and fills in the defaults of ECS', async () => {
    const containerDefinitions: ContainerDefinition[] = [
      { ...app, portMappings: [{ containerPort: 80 }], healthCheck: { command: ['CMD-SHELL', 'true'] } },
    ];
    await register('Web_App');
    const { taskDefinition } = await register('Web_App', { containerDefinitions, cpu: '1 vCPU', memory: '1 GB' });
    expect(taskDefinition).toMatchObject({
      taskDefinitionArn: arn('Web_App:2'),
      family: 'Web_App',
      revision: 2,
      status: 'ACTIVE',
      networkMode: 'bridge',
      cpu: '1024',
      memory: '1024',
      compatibilities: ['EXTERNAL', 'EC2'],
      registeredBy: 'arn:aws:iam::123456789012:user/alice',
      containerDefinitions: [
        {
          essential: true,
          cpu: 0,
          environment: [],
          mountPoints: [],
          volumesFrom: [],
          portMappings: [{ containerPort: 80, hostPort: 0, protocol: 'tcp' }],
          healthCheck: { command: ['CMD-SHELL', 'true'], interval: 30, timeout: 5, retries: 3 },
        },
      ],
    });
    expect(taskDefinition?.registeredAt).toBeInstanceOf(Date);
  });

  it('gives every one of many at once a number of its own, without gaps', async () => {
    const made = await Promise.all(Array.from({ length: 40 }, () => register('busy')));
    const numbers = made.map(({ taskDefinition }) => taskDefinition?.revision ?? 0).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });

  it('takes the next number when kubectl has taken one', async () => {
    await register('mixed');
    const spec = { family: 'mixed', revision: 2, containerDefinitions: [app] };
    const body = { apiVersion: 'ecs.slipway.dev/v1', kind: 'TaskDefinition', metadata: { name: 'mixed.2' }, spec };
    await server.create(body as KubeObject, 'taskdefinitions');
    expect((await register('mixed')).taskDefinition?.revision).toBe(3);
    const described = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: 'mixed:2' }));
    expect(described.taskDefinition).toMatchObject({ revision: 2, containerDefinitions: [{ essential: true }] });
  });

  it('fixes host ports where they must be those of the container', async () => {
    const containerDefinitions = [{ ...app, portMappings: [{ containerPort: 80 }] }];
    const { taskDefinition } = await register('fixed', { networkMode: 'awsvpc', containerDefinitions });
    expect(taskDefinition?.containerDefinitions?.[0]?.portMappings).toEqual([
      { containerPort: 80, hostPort: 80, protocol: 'tcp' },
    ]);
    expect(taskDefinition?.compatibilities).toEqual(['EC2', 'FARGATE']);
  });

  const two = (dependsOn: ContainerDefinition['dependsOn'], other: Partial<ContainerDefinition> = {}) => ({
    containerDefinitions: [
      { ...app, dependsOn },
      { ...app, name: 'other', ...other },
    ],
  });
  const one = (more: Partial<ContainerDefinition>) => ({ containerDefinitions: [{ ...app, ...more }] });
  it.each<[string, Partial<RegisterTaskDefinitionCommandInput>, string]>([
    ['a family with blanks', { family: 'a b' }, 'Family contains invalid characters.'],
    ['a blank family', { family: '' }, 'Family can not be blank.'],
    ['no container', { containerDefinitions: [] }, 'Container list cannot be empty.'],
    [
      'eleven containers',
      { containerDefinitions: Array.from({ length: 11 }, (_, i) => ({ ...app, name: `c${i}` })) },
      'too many containers',
    ],
    ['a container without name', one({ name: undefined }), 'Container.name should not be null or empty.'],
    ['a container name with blanks', one({ name: 'a b' }), 'Container.name contains invalid characters.'],
    ['a container without image', one({ image: undefined }), 'Container.image should not be null or empty.'],
    ['one name twice', { containerDefinitions: [app, app] }, "Container.name 'app' is used more than once."],
    ['no essential container', one({ essential: false }), "Task definition doesn't have any essential container."],
    [
      'no memory',
      one({ memory: undefined }),
      "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified.",
    ],
    [
      'more reserved than allowed',
      one({ memoryReservation: 65 }),
      "'memory' must be greater than or equal to 'memoryReservation'.",
    ],
    [
      'an unknown network mode',
      { networkMode: 'mesh' as 'host' },
      "Value 'mesh' at 'networkMode' failed to satisfy constraint",
    ],
    [
      'another host port in awsvpc',
      { networkMode: 'awsvpc', ...one({ portMappings: [{ containerPort: 80, hostPort: 8080 }] }) },
      'When networkMode=awsvpc, the host ports and container ports in port mappings must match.',
    ],
    [
      'another host port in host',
      { networkMode: 'host', ...one({ portMappings: [{ containerPort: 80, hostPort: 8080 }] }) },
      'When networkMode=host, the host ports',
    ],
    [
      'ports without network',
      { networkMode: 'none', ...one({ portMappings: [{ containerPort: 80 }] }) },
      'When networkMode=none, portMappings are not allowed',
    ],
    [
      'a port that is none',
      one({ portMappings: [{ containerPort: 70_000 }] }),
      "Invalid 'containerPort' setting for container 'app'.",
    ],
    [
      'a host port that is none',
      one({ portMappings: [{ containerPort: 80, hostPort: -1 }] }),
      "Invalid 'hostPort' setting for container 'app'.",
    ],
    [
      'a range that is none',
      one({ portMappings: [{ containerPortRange: '9-8' }] }),
      "Invalid 'containerPortRange' setting for container 'app'.",
    ],
    [
      'a dependency on nobody',
      one({ dependsOn: [{ containerName: 'db', condition: 'START' }] }),
      "Cannot depend on container + 'db' because it does not exist",
    ],
    [
      'a dependency on itself',
      one({ dependsOn: [{ containerName: 'app', condition: 'START' }] }),
      'cannot depend on itself',
    ],
    [
      'COMPLETE of an essential one',
      two([{ containerName: 'other', condition: 'COMPLETE' }]),
      'A dependency container with SUCCESS or COMPLETE condition cannot be an essential container',
    ],
    [
      'HEALTHY without a check',
      two([{ containerName: 'other', condition: 'HEALTHY' }]),
      'A dependency container with HEALTHY condition must have health check configured',
    ],
    [
      'a circle',
      two([{ containerName: 'other', condition: 'START' }], {
        dependsOn: [{ containerName: 'app', condition: 'START' }],
      }),
      "The containers 'app', 'other' depend on each other in a circle",
    ],
    [
      'a check that is too fast',
      one({ healthCheck: { command: ['CMD', 'true'], interval: 4 } }),
      "The healthCheck interval of container 'app' must be between 5 and 300.",
    ],
    ['a check of another kind', one({ healthCheck: { command: ['true'] } }), 'must start with CMD or CMD-SHELL'],
    [
      'a restart period out of range',
      one({ restartPolicy: { enabled: true, restartAttemptPeriod: 10 } }),
      'restartAttemptPeriod of container',
    ],
    ['an unknown volume', one({ mountPoints: [{ sourceVolume: 'v', containerPath: '/v' }] }), "Unknown volume 'v'."],
    [
      'links in awsvpc',
      { networkMode: 'awsvpc', ...two(undefined), containerDefinitions: [{ ...app, links: ['x'] }] },
      'Links are only supported when networkMode=bridge',
    ],
    ['more CPU than the task', { cpu: '256', ...one({ cpu: 512 }) }, "The sum of all container 'cpu' values"],
    [
      'Fargate without size',
      { requiresCompatibilities: ['FARGATE'], networkMode: 'awsvpc' },
      "Fargate requires that 'cpu' be defined at the task level.",
    ],
    [
      'Fargate of an odd size',
      { requiresCompatibilities: ['FARGATE'], networkMode: 'awsvpc', cpu: '256', memory: '4096' },
      'No Fargate configuration exists for given values: 256 CPU, 4096 memory.',
    ],
    [
      'an ulimit of another name',
      one({ ulimits: [{ name: 'files' as 'nofile', softLimit: 1, hardLimit: 1 }] }),
      "'containerDefinitions[0].ulimits[0].name' failed to satisfy constraint",
    ],
    [
      'a tag twice',
      {
        tags: [
          { key: 'a', value: '1' },
          { key: 'a', value: '2' },
        ],
      },
      'Duplicate tag keys found: a',
    ],
    ['a reserved tag', { tags: [{ key: 'aws:x', value: '1' }] }, 'reserved prefix aws:'],
  ])('refuses %s', async (_, more, text) => {
    const said = await refusal(register('refused', more));
    expect(said).toMatch(/^ClientException: /);
    expect(said).toContain(text);
  });

  it('gives no number to what was refused', async () => {
    expect((await register('refused')).taskDefinition?.revision).toBe(1);
  });
});

describe('the life of a revision', () => {
  it('goes from ACTIVE to INACTIVE to nothing, and its number is not given again', async () => {
    for (let i = 0; i < 3; i++) await register('mortal');
    const describe = async (taskDefinition: string) =>
      (await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }))).taskDefinition;
    const early = await ecs.send(new DeleteTaskDefinitionsCommand({ taskDefinitions: ['mortal:3', 'mortal:9'] }));
    expect(early.failures?.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('still in ACTIVE status'),
      'MISSING',
    ]);
    const { taskDefinition } = await ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: arn('mortal:3') }));
    expect(taskDefinition).toMatchObject({ status: 'INACTIVE', deregisteredAt: expect.any(Date) });
    expect((await describe('mortal'))?.revision).toBe(2);
    expect((await describe('mortal:3'))?.status).toBe('INACTIVE');
    const gone = await ecs.send(new DeleteTaskDefinitionsCommand({ taskDefinitions: ['mortal:3'] }));
    expect(gone.taskDefinitions).toMatchObject([{ status: 'DELETE_IN_PROGRESS', deleteRequestedAt: expect.any(Date) }]);
    expect((await describe('mortal:3'))?.status).toBe('DELETE_IN_PROGRESS');
    // What its controller does when nothing uses it.
    const path = { group: 'ecs.slipway.dev', version: 'v1', resource: 'taskdefinitions', name: 'mortal.3' };
    const letGo = { metadata: { finalizers: null } };
    await server.transport.send({ verb: 'patch', patchType: 'merge', path, body: letGo }, neverAborted);
    expect(await refusal(describe('mortal:3'))).toBe('ClientException: Unable to describe task definition.');
    expect((await register('mortal')).taskDefinition?.revision).toBe(4);
    expect(await refusal(ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: 'mortal' })))).toContain(
      'Revision is missing.',
    );
  });

  it('is the same for kubectl, and never changes', async () => {
    await register('shared');
    const path = { group: 'ecs.slipway.dev', version: 'v1', resource: 'taskdefinitions', name: 'shared.1' };
    const object = (await server.transport.send({ verb: 'get', path }, neverAborted)) as KubeObject;
    expect(object).toMatchObject({ spec: { family: 'shared', revision: 1, status: 'ACTIVE' } });
    const change = { spec: { containerDefinitions: [{ ...app, image: 'other' }] } };
    const attempt = server.transport.send({ verb: 'patch', patchType: 'merge', path, body: change }, neverAborted);
    expect(await refusal(attempt)).toContain('a task definition is immutable: register a new revision');
    await server.transport.send(
      { verb: 'patch', patchType: 'merge', path, body: { spec: { status: 'INACTIVE' } } },
      neverAborted,
    );
    const { taskDefinitionArns } = await ecs.send(
      new ListTaskDefinitionsCommand({ familyPrefix: 'shared', status: 'INACTIVE' }),
    );
    expect(taskDefinitionArns).toEqual([arn('shared:1')]);
  });
});

describe('lists', () => {
  it('come in pages, families in order and revisions by number, both ways round', async () => {
    for (let i = 0; i < 12; i++) await register('paged');
    const collect = async (sort: 'ASC' | 'DESC') => {
      const found: string[] = [];
      const pages = paginateListTaskDefinitions({ client: ecs, pageSize: 5 }, { familyPrefix: 'paged', sort });
      for await (const { taskDefinitionArns = [] } of pages) found.push(...taskDefinitionArns);
      return found;
    };
    const ascending = Array.from({ length: 12 }, (_, index) => arn(`paged:${index + 1}`));
    expect(await collect('ASC')).toEqual(ascending);
    expect(await collect('DESC')).toEqual([...ascending].reverse());
  });

  it('name families that are alive, dead, or both', async () => {
    await register('fam-dead');
    await register('fam-live');
    await ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: 'fam-dead:1' }));
    const list = async (status: 'ACTIVE' | 'INACTIVE' | 'ALL') =>
      (await ecs.send(new ListTaskDefinitionFamiliesCommand({ familyPrefix: 'fam-', status }))).families;
    expect(await list('ACTIVE')).toEqual(['fam-live']);
    expect(await list('INACTIVE')).toEqual(['fam-dead']);
    expect(await list('ALL')).toEqual(['fam-dead', 'fam-live']);
    const found: string[] = [];
    for await (const { families = [] } of paginateListTaskDefinitionFamilies(
      { client: ecs, pageSize: 1 },
      { familyPrefix: 'fam-' },
    )) {
      found.push(...families);
    }
    expect(found).toEqual(['fam-dead', 'fam-live']);
  });

  it('refuse tokens that they have not given, and pages that are too large', async () => {
    expect(await refusal(ecs.send(new ListTaskDefinitionsCommand({ nextToken: 'abc' })))).toBe(
      'InvalidParameterException: Invalid token in request.',
    );
    expect(await refusal(ecs.send(new ListTaskDefinitionsCommand({ maxResults: 101 })))).toContain(
      'maxResults must be between 1 and 100',
    );
  });
});

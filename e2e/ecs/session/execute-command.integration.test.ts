/** ExecuteCommand through AWS' client and a data channel, on a node whose agent answers from a script. The test is the controller. */
import {
  CreateClusterCommand,
  DescribeTasksCommand,
  type ECSClient,
  ExecuteCommandCommand,
  type ExecuteCommandCommandInput,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  UpdateClusterCommand,
} from '@aws-sdk/client-ecs';
import type { KubeObject } from '@slipway/api/types';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { eventually } from '../../harness/eventually.ts';
import { accountId, type EcsTestServer, region, startEcsServer } from '../ecs-server.ts';
import { pattern, type ScriptedAgent, startScriptedAgent } from './scripted-agent.ts';
import { type ClientOptions, encode, SessionClient } from './session-client.ts';
import { askSsm } from './ask-ssm.ts';

let server: EcsTestServer;
let agent: ScriptedAgent;
let ecs: ECSClient;
let task = '';

const aliceKey = { accessKeyId: 'AKIAALICE', secretAccessKey: 'secret-of-alice' };
const viewerKey = { accessKeyId: 'AKIAVIEWER', secretAccessKey: 'secret-of-the-viewer' };

beforeAll(async () => {
  server = await startEcsServer();
  agent = await startScriptedAgent(await server.agentCertificate('node-1'));
  await server.addKey('alice', { ...aliceKey, user: 'alice' });
  await server.addKey('viewer', { ...viewerKey, user: 'viewer' });
  for (const [user, role] of [
    ['alice', 'slipway:ecs'],
    ['viewer', 'slipway:ecs-view'],
  ] as const) {
    const subjects = [{ kind: 'User', name: user, apiGroup: 'rbac.authorization.k8s.io' }];
    const roleRef = { kind: 'ClusterRole', name: role, apiGroup: 'rbac.authorization.k8s.io' };
    const body = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: user } };
    await server.create({ ...body, roleRef, subjects } as KubeObject, 'clusterrolebindings');
  }
  ecs = server.client({ credentials: aliceKey });
  await ecs.send(new CreateClusterCommand({}));
  const image = 'registry.example/app:1';
  const containerDefinitions = [
    { name: 'app', image, memory: 64 },
    { name: 'Side_Car', image, memory: 64 },
  ];
  await ecs.send(new RegisterTaskDefinitionCommand({ family: 'app', containerDefinitions }));
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } };
  await server.create(account as KubeObject, 'serviceaccounts');
  await addNode();
  task = await runTask();
});

afterAll(async () => {
  await agent.stop();
  await server.stop();
});

async function addNode(): Promise<void> {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } };
  await server.create(node as KubeObject, 'nodes');
  await setNodeReady('True');
}

async function setNodeReady(ready: 'True' | 'Unknown'): Promise<void> {
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: agent.port } },
    conditions: [{ type: 'Ready', status: ready }],
  };
  await patch('nodes', 'node-1', { status }, 'status');
}

async function patch(resource: string, name: string, body: object, subresource?: string, namespace?: string) {
  const path = { group: '', version: 'v1', resource, name, ...(subresource ? { subresource } : {}) };
  const place = namespace === undefined ? {} : { namespace };
  await server.transport.send({ verb: 'patch', path: { ...path, ...place }, patchType: 'merge', body }, neverAborted);
}

const idOf = (arn: string | undefined) => arn?.split('/').at(-1) ?? '';

/** A task and its pod, both running. */
async function runTask(more: { enableExecuteCommand?: boolean; isOwner?: boolean } = {}): Promise<string> {
  const { enableExecuteCommand = true, isOwner = true } = more;
  const { tasks } = await ecs.send(new RunTaskCommand({ taskDefinition: 'app', enableExecuteCommand }));
  const name = idOf(tasks?.[0]?.taskArn);
  const path = { group: 'ecs.slipway.dev', version: 'v1', resource: 'tasks', namespace: 'default', name };
  const { metadata } = (await server.transport.send({ verb: 'get', path }, neverAborted)) as KubeObject;
  const owner = { apiVersion: 'ecs.slipway.dev/v1', kind: 'Task', name, uid: metadata.uid, controller: true };
  const spec = {
    nodeName: 'node-1',
    containers: ['app', 'side-car-1'].map((each) => ({ name: each, image: 'registry.example/app:1' })),
  };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec };
  const owned = { ...pod, metadata: { ...pod.metadata, ownerReferences: isOwner ? [owner] : [] } };
  await server.create(owned as KubeObject, 'pods');
  const running = { running: { startedAt: '2026-11-21T00:00:00Z' } };
  const containerStatuses = spec.containers.map((each) => ({
    ...{ ...each, imageID: '', ready: true, restartCount: 0 },
    ...{ state: running, containerID: `slipway://id-of-${each.name}` },
  }));
  await patch('pods', name, { status: { phase: 'Running', containerStatuses } }, 'status', 'default');
  const containers = [
    { name: 'app', lastStatus: 'RUNNING', runtimeId: 'id-of-app' },
    { name: 'Side_Car', lastStatus: 'RUNNING', runtimeId: 'id-of-side-car-1' },
  ];
  const startedAt = '2026-11-21T00:00:00Z';
  await server.setStatus('tasks', name, { lastStatus: 'RUNNING', podName: name, startedAt, containers }, 'default');
  return name;
}

async function execute(command: string, more: Partial<ExecuteCommandCommandInput> = {}, client = ecs) {
  return client.send(new ExecuteCommandCommand({ task, container: 'app', interactive: true, command, ...more }));
}

async function refusal(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'taken';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

interface Opened {
  readonly id: string;
  readonly client: SessionClient;
  readonly token: string;
  readonly streamUrl: string;
  readonly output: () => Buffer;
}

async function open(command: string, options: Partial<ClientOptions> = {}): Promise<Opened> {
  const { session } = await execute(command);
  const { sessionId: id = '', tokenValue: token = '', streamUrl = '' } = session ?? {};
  const parts: Buffer[] = [];
  const client = new SessionClient({ streamUrl, token, onOutput: (bytes) => parts.push(bytes), ...options });
  await client.open();
  return { id, client, token, streamUrl, output: () => Buffer.concat(parts) };
}

describe('ExecuteCommand', () => {
  it('answers where the session is, and DescribeTasks that it can be had', async () => {
    const { session, $metadata: _, ...answer } = await execute('sh');
    const arn = `arn:aws:ecs:${region}:${accountId}`;
    expect(answer).toEqual({
      clusterArn: `${arn}:cluster/default`,
      taskArn: `${arn}:task/default/${task}`,
      containerArn: `${arn}:container/default/${task}/app`,
      containerName: 'app',
      interactive: true,
    });
    expect(session?.sessionId).toMatch(/^ecs-execute-command-[0-9a-f]{17}$/);
    expect(session?.streamUrl).toBe(
      `ws://127.0.0.1:${server.port}/v1/data-channel/${session?.sessionId}?role=publish_subscribe`,
    );
    const { tasks } = await ecs.send(new DescribeTasksCommand({ tasks: [task] }));
    expect(tasks?.[0]?.containers?.map(({ managedAgents }) => managedAgents?.[0])).toEqual(
      ['app', 'Side_Car'].map(() => ({
        name: 'ExecuteCommandAgent',
        lastStatus: 'RUNNING',
        lastStartedAt: new Date('2026-11-21T00:00:00Z'),
      })),
    );
  });

  it.each<[string, Partial<ExecuteCommandCommandInput>, RegExp]>([
    ['without interactive', { interactive: false }, /^InvalidParameterException: Interactive must be true/],
    ['a blank command', { command: ' ' }, /^InvalidParameterException: Command can not be blank\.$/],
    ['an open quote', { command: 'sh -c "ls' }, /^InvalidParameterException: command has a quote/],
    ['a long command', { command: 'x'.repeat(5_000) }, /^InvalidParameterException: command can have at most 4096 /],
    ['another task', { task: 'none' }, /^InvalidParameterException: The referenced task was not found\.$/],
    ['another cluster', { cluster: 'none' }, /^ClusterNotFoundException/],
    [
      'no container of two',
      { container: undefined },
      /^InvalidParameterException: .* several containers; .*: app, Side_Car/,
    ],
    [
      'another container',
      { container: 'none' },
      /^InvalidParameterException: The task has no container none\. It has: app/,
    ],
  ])('refuses %s', async (_what, more, expected) => {
    expect(await refusal(execute('sh', more))).toMatch(expected);
  });

  it('is for tasks that allow it, that run on a ready node in a pod of their own', async () => {
    const plain = await runTask({ enableExecuteCommand: false });
    expect(await refusal(execute('sh', { task: plain }))).toMatch(
      /^InvalidParameterException: The execute command failed because execute command was not enabled when the task was run/,
    );
    const foreign = await runTask({ isOwner: false });
    expect(await refusal(execute('sh', { task: foreign }))).toMatch(/^TargetNotConnectedException: .* has no pod/);
    const ending = await runTask();
    await server.setStatus('tasks', ending, { lastStatus: 'STOPPING' }, 'default');
    expect(await refusal(execute('sh', { task: ending }))).toMatch(/^TargetNotConnectedException: .* is STOPPING/);
    await setNodeReady('Unknown');
    expect(await refusal(execute('sh'))).toMatch(/^TargetNotConnectedException: .* node-1 is not ready/);
    await setNodeReady('True');
  });

  it('needs the right to create tasks/exec', async () => {
    const viewer = server.client({ credentials: viewerKey });
    expect(await refusal(execute('sh', {}, viewer))).toMatch(
      /^AccessDeniedException: .*viewer is not authorized to perform: ecs:ExecuteCommand: .* create resource "tasks\/exec"/,
    );
  });
});

describe('a session', () => {
  it('starts the words of the command in the container, carries input, output and sizes, and ends with it', async () => {
    const { session } = await execute('cat "a  b" c', { container: 'Side_Car' });
    const parts: Buffer[] = [];
    const { tokenValue: token = '', streamUrl = '' } = session ?? {};
    const client = new SessionClient({ streamUrl, token, onOutput: (bytes) => parts.push(bytes) });
    await client.open();
    await client.ready;
    client.resize(132, 43);
    client.type('hello\n');
    client.type('\n');
    await eventually('the echo', async () => expect(Buffer.concat(parts).toString()).toBe('hello\n\r'));
    client.resize(80, 25);
    client.type(Buffer.from([4]));
    expect(await client.ended).toBe('');
    expect(agent.started.at(-1)?.getAll('command')).toEqual(['cat', 'a  b', 'c']);
    expect(['input', 'output', 'error', 'tty'].map((name) => agent.started.at(-1)?.get(name))).toEqual([
      '1',
      '1',
      null,
      '1',
    ]);
    expect(agent.sizes.slice(-2)).toEqual(['{"Width":132,"Height":43}', '{"Width":80,"Height":25}']);
  });

  it('says with what code a command failed', async () => {
    expect(await (await open('exit 3')).client.ended).toBe('command terminated with exit code 3');
  });

  it('says what of the configuration of its cluster has no effect', async () => {
    const logConfiguration = { cloudWatchLogGroupName: 'sessions' };
    const executeCommandConfiguration = { kmsKeyId: 'key', logging: 'OVERRIDE', logConfiguration } as const;
    await ecs.send(new UpdateClusterCommand({ cluster: 'default', configuration: { executeCommandConfiguration } }));
    const { client } = await open('exit 0');
    await client.ended;
    expect(client.notice).toBe(
      "The cluster's executeCommandConfiguration has no effect: this session is not logged (logging: OVERRIDE), and not encrypted with a key of KMS (kmsKeyId).",
    );
  });

  it('leaves an Event of its task', async () => {
    const { id, client } = await open('exit 0');
    await client.ended;
    const path = { group: '', version: 'v1', resource: 'events', namespace: 'default', name: id };
    expect(await server.transport.send({ verb: 'get', path }, neverAborted)).toMatchObject({
      reason: 'ExecuteCommand',
      message: `alice opened the session ${id} in container app`,
      involvedObject: { kind: 'Task', name: task },
    });
  });

  it('brings all output, byte for byte, to a terminal that is slow to come', async () => {
    const { client, output } = await open(`bytes ${3 * 1024 * 1024}`, { terminalAfterMs: 150 });
    expect(await client.ended).toBe('');
    expect(output().equals(pattern(3 * 1024 * 1024))).toBe(true);
    // The first one was not taken, and came again.
    expect(client.dropped.length).toBeGreaterThan(0);
  });

  it('brings all input', async () => {
    const { client, output } = await open('cat');
    await client.ready;
    const bytes = pattern(200_000).map((byte) => (byte === 4 ? 5 : byte));
    client.type(Buffer.from(bytes));
    await eventually('the echo', async () => expect(output().length).toBe(bytes.length));
    expect(output().equals(bytes)).toBe(true);
    await eventually('the acknowledgements', async () => expect(client.unacknowledged).toBe(0));
    client.type(Buffer.from([4]));
    await client.ended;
  });

  it('leaves input that nobody reads to the client', async () => {
    const { id, client } = await open('deaf');
    await client.ready;
    client.type(pattern(8 * 1024 * 1024));
    const afterAWhile = async () => {
      const before = client.unacknowledged;
      await systemClock.sleep(150, neverAborted);
      return [before, client.unacknowledged];
    };
    await eventually('a full house', async () => {
      const [before = 0, after = 0] = await afterAWhile();
      expect(after).toBeGreaterThan(1_000);
      // What it repeats is taken one by one, as the connection makes room.
      expect(before - after).toBeLessThan(20);
    });
    await askSsm(server.url, 'TerminateSession', { SessionId: id }, aliceKey);
    expect(await client.ended).toBe('');
    agent.breakAll();
  });

  it('that the client terminates stops the command', async () => {
    const { client } = await open('cat');
    await client.ready;
    await eventually('the command', async () => expect(agent.running).toBeGreaterThan(0));
    client.terminate();
    expect(await client.ended).toBe('');
    await eventually('its end', async () => expect(agent.running).toBe(0));
  });

  it('passes over what is no message', async () => {
    const { client, output } = await open('cat');
    await client.ready;
    client.sendRaw(Buffer.from('nonsense'));
    client.sendRaw(Buffer.alloc(200, 0xff));
    client.sendRaw(encode('acknowledge', 0, 3, 0, Buffer.from('no JSON')));
    client.sendRaw(encode('input_stream_data', 9_999_999, 0, 1, Buffer.from('far ahead')));
    client.sendRaw(encode('something_else', 0, 0, 1, Buffer.from('x')));
    client.sendInput(3, Buffer.from('{"cols":-1,"rows":"x"}'));
    client.type('x');
    await eventually('the echo', async () => expect(output().toString()).toBe('x'));
    client.type(Buffer.from([4]));
    await client.ended;
  });

  it('ends when the connection to the container breaks, or cannot be made', async () => {
    const { client } = await open('cat');
    await client.ready;
    await eventually('the command', async () => expect(agent.running).toBe(1));
    agent.breakAll();
    expect(await client.ended).toBe('The connection to the container was lost.');
    const { session } = await execute('cat');
    await patch('nodes', 'node-1', { status: { daemonEndpoints: { kubeletEndpoint: { Port: 1 } } } }, 'status');
    const lost = new SessionClient({
      ...{ streamUrl: session?.streamUrl ?? '', token: session?.tokenValue ?? '', onOutput: () => {} },
    });
    await lost.open();
    expect(await lost.ended).toMatch(/^error dialing backend: node "node-1" at 127\.0\.0\.1:1/);
    await setNodeReady('True');
  });

  it('obeys the policies of kubectl exec', async () => {
    const apiVersion = 'admissionregistration.k8s.io/v1';
    const spec = {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CONNECT'], resources: ['pods/exec'] }],
      },
      validations: [
        { expression: "object.command[0] != 'forbidden' || request.userInfo.username != 'alice'", message: 'not that' },
      ],
    };
    const policy = { apiVersion, kind: 'ValidatingAdmissionPolicy', metadata: { name: 'no-exec' }, spec };
    await server.create(policy as KubeObject, 'validatingadmissionpolicies');
    const binding = { policyName: 'no-exec', validationActions: ['Deny'] };
    const bound = {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'no-exec' },
      spec: binding,
    };
    await server.create(bound as KubeObject, 'validatingadmissionpolicybindings');
    expect(await (await open('forbidden')).client.ended).toMatch(/ValidatingAdmissionPolicy 'no-exec'.*not that/);
    expect(await (await open('exit 0')).client.ended).toBe('');
  });

  it('is not begun with a client that cannot show it', async () => {
    expect(await (await open('exit 0', { handshake: 'refuse' })).client.ended).toBe(
      'SessionType failed on client with status 2 error: no terminal',
    );
  });
});

describe('a token', () => {
  it('opens its session once', async () => {
    const { client, token, streamUrl } = await open('exit 0');
    await client.ended;
    const again = new SessionClient({ streamUrl, token, onOutput: () => {} });
    await again.open();
    expect(await again.ended).toBe('The token of the session was used already.');
  });

  it('opens no other session, and nothing else opens one', async () => {
    const { session } = await execute('exit 0');
    const token = session?.tokenValue ?? '';
    const streamUrl = session?.streamUrl ?? '';
    for (const [url, presented] of [
      [streamUrl.replace(/[0-9a-f]\?/, 'x?'), token],
      [streamUrl, `${token}A`],
      [streamUrl, ''],
    ] as const) {
      const client = new SessionClient({ streamUrl: url, token: presented, onOutput: () => {} });
      await client.open();
      expect(await client.ended).toBe('The token of the session is not valid or has expired.');
    }
    const elsewhere = new SessionClient({
      streamUrl: `ws://127.0.0.1:${server.port}/other`,
      token,
      onOutput: () => {},
    });
    await expect(elsewhere.open()).rejects.toThrow('could not be opened');
  });
});

describe('a session whose connection broke', () => {
  const resume = (sessionId: string, key = aliceKey) =>
    askSsm(server.url, 'ResumeSession', { SessionId: sessionId }, key);

  it('goes on where it was: nothing is lost, nothing comes twice', async () => {
    const { id, client, output } = await open(`bytes ${1024 * 1024}`);
    await client.ready;
    for (let breaks = 1; breaks <= 3; breaks++) {
      await eventually('some output', async () => expect(output().length).toBeGreaterThan(breaks * 100_000));
      client.drop();
      const { body } = await resume(id);
      expect(body).toMatchObject({ SessionId: id });
      await client.open(body.TokenValue);
    }
    expect(await client.ended).toBe('');
    expect(output().equals(pattern(1024 * 1024))).toBe(true);
  });

  it('is resumed by nobody else, once for each token, and only while it is there', async () => {
    const { id, client, streamUrl } = await open('cat');
    await client.ready;
    expect((await resume(id, viewerKey)).body).toEqual({ SessionId: id });
    const { body } = await resume(id);
    client.drop();
    await client.open(body.TokenValue);
    const second = new SessionClient({ streamUrl, token: body.TokenValue ?? '', onOutput: () => {} });
    await second.open();
    expect(await second.ended).toBe('The session has ended.');
    expect((await askSsm(server.url, 'TerminateSession', { SessionId: id }, viewerKey)).body).toEqual({
      SessionId: id,
    });
    expect(agent.running).toBe(1);
    await askSsm(server.url, 'TerminateSession', { SessionId: id }, aliceKey);
    expect(await client.ended).toBe('');
    expect((await resume(id)).body).toEqual({ SessionId: id });
  });

  it('is asked for with a signature for Systems Manager, and nothing else is', async () => {
    const ask = (operation: string, input: object, service?: string) =>
      askSsm(server.url, operation, input, aliceKey, service).then(({ status, body }) => `${status} ${body.__type}`);
    expect(await ask('ResumeSession', { SessionId: 'x' }, 'ecs')).toBe('400 InvalidSignatureException');
    expect(await ask('StartSession', { Target: 'x', SessionId: 'x' })).toBe('404 UnknownOperationException');
    expect(await ask('ResumeSession', {})).toBe('400 ValidationException');
  });
});

describe('the server', () => {
  it('tells its sessions that it goes', async () => {
    const { client } = await open('cat');
    await client.ready;
    const stopped = server.stop();
    expect(await client.ended).toBe('The server is shutting down.');
    await stopped;
    server = { ...server, stop: async () => {} };
  });
});

/** Who may come in: signatures of AWS' own client, good and bad, and raw requests that no client makes. */
import { once } from 'node:events';
import { connect } from 'node:net';
import {
  DescribeClustersCommand,
  DescribeTaskDefinitionCommand,
  ListTaskDefinitionsCommand,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import { systemClock } from '@slipway/kit/clock';
import { adminKey, type EcsTestServer, startEcsServer } from './ecs-server.ts';
import { type Raw, send as sendRaw, signedHeaders } from './signed-request.ts';

let server: EcsTestServer;

beforeAll(async () => {
  server = await startEcsServer();
});

afterAll(() => server.stop());

const list = new ListTaskDefinitionsCommand({});

/** Name and text of the exception. */
async function refusal(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'none';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

const mismatch = /^InvalidSignatureException: The request signature we calculated does not match/;
const unknown = 'UnrecognizedClientException: The security token included in the request is invalid.';

describe("AWS' own client", () => {
  it('is let in with a key that there is', async () => {
    expect((await server.client().send(list)).taskDefinitionArns).toEqual([]);
  });

  it('is refused with a wrong secret, and with a key that nobody has', async () => {
    const credentials = { ...adminKey, secretAccessKey: 'guessed' };
    expect(await refusal(server.client({ credentials }).send(list))).toMatch(mismatch);
    const stranger = { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'x' };
    expect(await refusal(server.client({ credentials: stranger }).send(list))).toBe(unknown);
  });

  it('is refused with a clock that is off, corrects it by our date, and comes in', async () => {
    const sixMinutes = 6 * 60_000;
    const early = server.client({ systemClockOffset: -sixMinutes });
    expect(await refusal(early.send(list))).toMatch(
      /^InvalidSignatureException: Signature expired: \S+ is now earlier than/,
    );
    const late = server.client({ systemClockOffset: sixMinutes });
    expect(await refusal(late.send(list))).toMatch(/^InvalidSignatureException: Signature not yet current: /);
    const patient = server.client({ systemClockOffset: -sixMinutes, maxAttempts: 3 });
    expect((await patient.send(list)).taskDefinitionArns).toEqual([]);
  });

  it('may have a key with a session token, which must be there', async () => {
    const credentials = { accessKeyId: 'AKIASESSION', secretAccessKey: 's', sessionToken: 'token-1' };
    await server.addKey('session', { ...credentials, user: 'bob', groups: 'system:masters' });
    expect(await refusal(server.client({ credentials }).send(list))).toBe('none');
    const without = { accessKeyId: 'AKIASESSION', secretAccessKey: 's' };
    expect(await refusal(server.client({ credentials: without }).send(list))).toBe(unknown);
    expect(await refusal(server.client({ credentials: { ...credentials, sessionToken: 'other' } }).send(list))).toBe(
      unknown,
    );
  });

  it('is told that its key has expired only when it has signed with it', async () => {
    const credentials = { accessKeyId: 'AKIAEXPIRED', secretAccessKey: 's' };
    await server.addKey('expired', { ...credentials, user: 'bob', expiresAt: '2020-01-01T00:00:00Z' });
    expect(await refusal(server.client({ credentials }).send(list))).toMatch(/^ExpiredTokenException: /);
    const wrong = { ...credentials, secretAccessKey: 'x' };
    expect(await refusal(server.client({ credentials: wrong }).send(list))).toMatch(mismatch);
  });

  it('does what the user of the key may do, and hears what is missing', async () => {
    const credentials = { accessKeyId: 'AKIACAROL', secretAccessKey: 's' };
    await server.addKey('carol', { ...credentials, user: 'carol' });
    const carol = server.client({ credentials });
    expect(await refusal(carol.send(list))).toMatch(
      /^AccessDeniedException: User: arn:aws:iam::123456789012:user\/carol is not authorized to perform: ecs:ListTaskDefinitions: .*cannot list resource "taskdefinitions"/,
    );
    await server.create(
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: 'carol' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'slipway:ecs-view' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'carol' }],
      } as never,
      'clusterrolebindings',
    );
    expect(await refusal(carol.send(list))).toBe('none');
    expect((await carol.send(new DescribeClustersCommand({}))).failures?.map(({ reason }) => reason)).toEqual([
      'MISSING',
    ]);
  });

  it('may be allowed to read single objects', async () => {
    const credentials = { accessKeyId: 'AKIADAVE', secretAccessKey: 's' };
    await server.addKey('dave', { ...credentials, user: 'dave' });
    const rbac = 'rbac.authorization.k8s.io';
    const rules = [
      { apiGroups: ['ecs.slipway.dev'], resources: ['taskdefinitions'], verbs: ['get'], resourceNames: ['mine.1'] },
    ];
    const role = { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name: 'dave' }, rules };
    await server.create(role as never, 'clusterroles');
    await server.create(
      {
        apiVersion: `${rbac}/v1`,
        kind: 'ClusterRoleBinding',
        metadata: { name: 'dave' },
        roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'dave' },
        subjects: [{ apiGroup: rbac, kind: 'User', name: 'dave' }],
      } as never,
      'clusterrolebindings',
    );
    for (const family of ['mine', 'theirs']) {
      const containerDefinitions = [{ name: 'app', image: 'example/app', memory: 64 }];
      await server.client().send(new RegisterTaskDefinitionCommand({ family, containerDefinitions }));
    }
    const dave = server.client({ credentials });
    expect(await refusal(dave.send(new DescribeTaskDefinitionCommand({ taskDefinition: 'mine' })))).toBe('none');
    expect(await refusal(dave.send(new DescribeTaskDefinitionCommand({ taskDefinition: 'theirs' })))).toMatch(
      /^AccessDeniedException: .*cannot get resource "taskdefinitions"/,
    );
  });
});

const send = (raw: Omit<Raw, 'nowMs'> & { readonly nowMs?: number }) =>
  sendRaw(server.port, { nowMs: systemClock.nowMs(), ...raw });

describe('a raw request', () => {
  it('that is signed is answered', async () => {
    const answered = await send({});
    expect(answered).toMatchObject({
      status: 200,
      type: 'application/x-amz-json-1.1',
      body: { taskDefinitionArns: expect.any(Array) },
    });
  });

  it('with a query and a path that are encoded is verified as AWS does', async () => {
    expect((await send({ path: '/?b=2&a=1%202', signed: { path: '/?a=1%202&b=2' } })).status).toBe(200);
    expect((await send({ path: '/a%20b', signed: { path: '/a%2520b' } })).status).toBe(200);
  });

  it('may be of any content type and come in chunks', async () => {
    expect((await send({ signed: { headers: { 'content-type': 'application/json' } } })).status).toBe(200);
    expect((await send({ headers: { 'transfer-encoding': 'chunked' }, body: '{ }' })).status).toBe(200);
  });

  it('is refused in the same words whatever part of the signature is wrong', async () => {
    const texts = new Set<string>();
    for (const raw of [
      { secretAccessKey: 'guessed' },
      { signed: { region: 'Mars' } },
      { signed: { service: 's3' } },
      { signed: { body: '{"a":1}' } },
      { signed: { path: '/x' } },
      { signed: { names: ['host', 'x-amz-date'] } },
      { headers: { 'x-amz-content-sha256': 'x' } },
    ]) {
      const { status, body } = await send(raw);
      texts.add(`${status} ${JSON.stringify(body)}`);
    }
    // A scope that no SDK sends is no signature at all.
    expect([...texts].filter((text) => !text.includes('IncompleteSignatureException'))).toHaveLength(1);
  });

  it('from another time is refused before anything else is looked at, and every answer has an id', async () => {
    const hourMs = 3_600_000;
    const early = await send({ nowMs: systemClock.nowMs() - hourMs, secretAccessKey: 'guessed' });
    expect(early.body.message).toMatch(/^Signature expired: /);
    const late = await send({ nowMs: systemClock.nowMs() + hourMs });
    expect(late.body.message).toMatch(/^Signature not yet current: /);
    expect(late.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(late.requestId).not.toBe(early.requestId);
  });

  it('is answered behind another one on the same connection, though that one was refused', async () => {
    const socket = connect(server.port, '127.0.0.1');
    const write = (raw: Omit<Raw, 'nowMs'>) => {
      const headers = signedHeaders(server.port, { nowMs: systemClock.nowMs(), ...raw });
      const lines = Object.entries({ ...headers, 'content-length': '2' }).map(([name, value]) => `${name}: ${value}`);
      socket.write(`POST / HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n{}`);
    };
    write({ secretAccessKey: 'guessed' });
    write({});
    let text = '';
    while (!text.includes('taskDefinitionArns')) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      text += chunk.toString();
    }
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 200']);
    socket.destroy();
  });

  const target = 'AmazonEC2ContainerServiceV20141113.ListTaskDefinitions';
  it.each<[string, Omit<Raw, 'nowMs'>, string]>([
    ['without a signature', { headers: { authorization: undefined } }, 'MissingAuthenticationTokenException'],
    [
      'with another kind of signature',
      { headers: { authorization: 'Basic YWxhZGRpbg==' } },
      'IncompleteSignatureException',
    ],
    [
      'with half a signature',
      { headers: { authorization: 'AWS4-HMAC-SHA256 Credential=a' } },
      'IncompleteSignatureException',
    ],
    ['without a time', { headers: { 'x-amz-date': undefined } }, 'IncompleteSignatureException'],
    ['with another body', { body: '{"familyPrefix":"x"}', signed: { body: '{}' } }, 'InvalidSignatureException'],
    ['with another path', { path: '/other', signed: { path: '/' } }, 'InvalidSignatureException'],
    ['with another secret', { secretAccessKey: 'guessed' }, 'InvalidSignatureException'],
    [
      'that is signed in the query',
      { path: '/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00', headers: { authorization: undefined } },
      'MissingAuthenticationTokenException',
    ],
    ['with a target twice', { headers: { 'x-amz-target': [target, target] } }, 'InvalidSignatureException'],
    ['with a date twice', { headers: { 'x-amz-date': ['20260101T000000Z', 'x'] } }, 'IncompleteSignatureException'],
    [
      'with two signatures',
      { headers: { authorization: ['AWS4-HMAC-SHA256 a', 'AWS4-HMAC-SHA256 b'] } },
      'IncompleteSignatureException',
    ],
    [
      'in pieces that AWS signs one by one',
      { headers: { 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' } },
      'InvalidSignatureException',
    ],
    ['of a megabyte and more', { body: 'x'.repeat(1024 * 1024 + 1) }, 'RequestEntityTooLargeException'],
    ['of an operation that there is not', { operation: 'MakeCoffee' }, 'UnknownOperationException'],
    ['of no operation', { operation: '' }, 'UnknownOperationException'],
    ['of a property of objects', { operation: 'constructor' }, 'UnknownOperationException'],
    ['of another service', { signed: { service: 's3' } }, 'InvalidSignatureException'],
    ['whose target is not signed', { signed: { names: ['host', 'x-amz-date'] } }, 'InvalidSignatureException'],
    ['whose host is not signed', { signed: { names: ['x-amz-date', 'x-amz-target'] } }, 'InvalidSignatureException'],
    ['whose target was changed', { headers: { 'x-amz-target': `${target}x` } }, 'InvalidSignatureException'],
    ['with a further x-amz- header', { headers: { 'x-amz-security-token': 'x' } }, 'InvalidSignatureException'],
    [
      'with a declared hash of another body',
      { headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } },
      'InvalidSignatureException',
    ],
    ['that is no JSON', { body: '{' }, 'SerializationException'],
    ['that is a list', { body: '[]' }, 'SerializationException'],
    ['of a wrong type', { body: '{"maxResults":"ten"}' }, 'SerializationException'],
    ['that is nested without end', { body: `{"a":${'['.repeat(5_000)}` }, 'SerializationException'],
    ['with a member that nobody knows', { body: '{"surprise":1}' }, 'ClientException'],
    ['by another method', { method: 'GET', body: '' }, 'UnknownOperationException'],
  ])('%s is refused', async (_, raw, code) => {
    const { status, errorType, body } = await send(raw);
    expect(body.__type).toBe(code);
    expect(errorType).toBe(code);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(body)).not.toContain(adminKey.secretAccessKey);
  });
});

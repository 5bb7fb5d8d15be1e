/** Who may come in: signatures of AWS' own client, good and bad, and raw requests that no client makes. */
import { createHash, createHmac } from 'node:crypto';
import { request } from 'node:http';
import { DescribeClustersCommand, ListTaskDefinitionsCommand } from '@aws-sdk/client-ecs';
import { adminKey, type EcsTestServer, region, startEcsServer } from './ecs-server.ts';

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
});

interface Raw {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  /** What is signed in place of the above. */
  readonly signed?: {
    readonly path?: string;
    readonly body?: string;
    readonly service?: string;
    readonly names?: string[];
  };
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Signed by another hand than the server's. */
function send({ method = 'POST', path = '/', headers: own = {}, body = '{}', signed = {} }: Raw) {
  const time = `${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const headers: Record<string, string> = {
    host: `127.0.0.1:${server.port}`,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-date': time,
    'x-amz-target': 'AmazonEC2ContainerServiceV20141113.ListTaskDefinitions',
  };
  const names = signed.names ?? Object.keys(headers).sort();
  const [signedPath = '', query = ''] = (signed.path ?? path).split('?');
  const hash = createHash('sha256')
    .update(signed.body ?? body)
    .digest('hex');
  const canonical = [
    method,
    signedPath,
    query,
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    hash,
  ];
  const scope = `${time.slice(0, 8)}/${region}/${signed.service ?? 'ecs'}/aws4_request`;
  const digest = createHash('sha256').update(canonical.join('\n')).digest('hex');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${adminKey.secretAccessKey}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`).toString('hex');
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${adminKey.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  const final = Object.fromEntries(Object.entries({ ...headers, ...own }).filter(([, value]) => value !== undefined));
  return new Promise<{ status: number; type: string; errorType: string; body: { __type?: string; message?: string } }>(
    (resolve, reject) => {
      const sent = request(
        `${server.url}${path}`,
        { method, headers: final as Record<string, string>, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              type: response.headers['content-type'] ?? '',
              errorType: String(response.headers['x-amzn-errortype'] ?? ''),
              body: JSON.parse(Buffer.concat(chunks).toString() || '{}'),
            }),
          );
        },
      );
      sent.on('error', reject);
      sent.end(method === 'GET' ? undefined : body);
    },
  );
}

describe('a raw request', () => {
  it('that is signed is answered', async () => {
    const answered = await send({});
    expect(answered).toMatchObject({
      status: 200,
      type: 'application/x-amz-json-1.1',
      body: { taskDefinitionArns: [] },
    });
  });

  it('with a query and a path that are encoded is verified as AWS does', async () => {
    expect((await send({ path: '/?b=2&a=1%202', signed: { path: '/?a=1%202&b=2' } })).status).toBe(200);
    expect((await send({ path: '/a%20b', signed: { path: '/a%2520b' } })).status).toBe(200);
  });

  const target = 'AmazonEC2ContainerServiceV20141113.ListTaskDefinitions';
  it.each<[string, Raw, string]>([
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

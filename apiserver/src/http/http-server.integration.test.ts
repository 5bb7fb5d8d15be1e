import { connect } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { get } from 'node:https';
import { startTestServer, type TestServer } from '../testing/start-test-server.ts';

let test: TestServer;
beforeAll(async () => {
  test = await startTestServer({ limits: { urlCharactersMax: 2000 } });
});
afterAll(() => test.stop());

const maps = '/api/v1/namespaces/default/configmaps';
const post = (body: unknown, headers: Record<string, string> = {}, path = maps) =>
  test.fetch(path, { method: 'POST', body, headers });

describe('bad requests', () => {
  it.each([
    [
      'malformed JSON',
      '{bad',
      400,
      "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: invalid character 'b' looking for beginning of object key string ({bad)",
    ],
    ['JSON that is no object', '[]', 400, /cannot be handled as a ConfigMap: json: the body is not an object/],
    [
      'another kind',
      { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'x' } },
      400,
      /Secret in version "v1" cannot be handled as a ConfigMap/,
    ],
  ])('%s', async (_what, body, code, message) => {
    const answered = await post(body);
    expect(answered.status).toBe(code);
    const { message: said } = answered.body as { message: string };
    if (typeof message === 'string') expect(said).toBe(message);
    else expect(said).toMatch(message);
  });

  it('a body that is too large', async () => {
    const { status, body } = await post({ metadata: { name: 'x' }, data: { a: 'x'.repeat(3 * 1024 * 1024) } });
    expect(status).toBe(413);
    expect(body).toMatchObject({
      reason: 'RequestEntityTooLarge',
      message: 'Request entity too large: limit is 3145728',
    });
    expect((await test.fetch('/readyz')).status).toBe(200);
  });

  it('a media type that nobody reads or writes', async () => {
    const sent = await post('x', { 'content-type': 'text/plain' });
    expect(sent.status).toBe(415);
    const wanted = await test.fetch(maps, { headers: { accept: 'application/cbor' } });
    expect(wanted.status).toBe(406);
    expect(wanted.body).toMatchObject({
      message:
        'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    });
  });

  it('paths and methods that are not there', async () => {
    for (const path of [
      '/nothing',
      '/api/v1/nothing',
      '/apis/nothing/v1/things',
      '/api/v1/pods/x',
      `${maps}/x/nothing`,
    ]) {
      const { status, body } = await test.fetch(path);
      expect({ path, status }).toEqual({ path, status: 404 });
      expect(body).toMatchObject({ message: 'the server could not find the requested resource' });
    }
    expect((await test.fetch('/api/v1/namespaces', { method: 'DELETE' })).status).toBe(405);
    expect((await test.fetch(`/?${'x'.repeat(3000)}`)).status).toBe(414);
  });

  it('bytes that are no HTTP', async () => {
    const { port, host } = test.server.address;
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect({ host, port, rejectUnauthorized: false }, () => socket.write('nonsense\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1.1 400/);
    expect((await test.fetch('/readyz')).status).toBe(200);
  });
});

describe('forms of answers', () => {
  it('YAML', async () => {
    const { text, headers } = await test.fetch('/api/v1/namespaces/default', {
      headers: { accept: 'application/yaml' },
    });
    expect(headers['content-type']).toBe('application/yaml');
    expect(text).toContain('kind: Namespace\n');
  });

  it('packs a large list when asked', async () => {
    await post({ metadata: { name: 'large' }, data: { a: 'x'.repeat(200_000) } });
    const packed = await new Promise<{ encoding: string | undefined; bytes: Buffer }>((resolve, reject) => {
      const { certificate, privateKey } = test.adminCertificate;
      get(
        new URL(maps, test.url),
        {
          ca: test.server.pki.caCertificate,
          cert: certificate,
          key: privateKey,
          headers: { 'accept-encoding': 'gzip' },
          agent: false,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({ encoding: response.headers['content-encoding'], bytes: Buffer.concat(chunks) }),
          );
        },
      ).on('error', reject);
    });
    expect(packed.encoding).toBe('gzip');
    expect(packed.bytes.length).toBeLessThan(50_000);
    expect(JSON.parse(gunzipSync(packed.bytes).toString())).toMatchObject({ kind: 'ConfigMapList' });
  });
});

describe('what the server says of itself', () => {
  it("health, in upstream's form", async () => {
    expect((await test.fetch('/livez')).text).toBe('ok');
    const verbose = await test.fetch('/readyz?verbose&exclude=etcd&exclude=nothing');
    expect(verbose.text).toBe(
      [
        '[+]ping ok',
        '[+]etcd excluded: ok',
        '[+]poststarthook/rbac/bootstrap-roles ok',
        '[+]shutdown ok',
        'warn: some health checks cannot be excluded: no matches for "nothing"',
        'readyz check passed',
        '',
      ].join('\n'),
    );
    expect((await test.fetch('/readyz/ping')).text).toBe('ok');
    expect((await test.fetch('/readyz/nothing')).status).toBe(404);
  });

  it("metrics under upstream's names", async () => {
    await test.fetch(maps);
    const { text } = await test.fetch('/metrics');
    expect(text).toMatch(
      /apiserver_request_total\{code="200",verb="LIST",group="",resource="configmaps",version="v1",scope="namespace",subresource="",component="apiserver"\} \d+/,
    );
    expect(text).toMatch(/apiserver_request_duration_seconds_bucket\{.*le="\+Inf"\} \d+/);
    expect(text).toContain('apiserver_current_inflight_requests');
  });

  it('discovery, version and schemas', async () => {
    expect((await test.fetch('/version')).body).toMatchObject({ major: '1', minor: '36' });
    expect((await test.fetch('/apis')).body).toMatchObject({ kind: 'APIGroupList' });
    expect((await test.fetch('/api/v1')).body).toMatchObject({ kind: 'APIResourceList', groupVersion: 'v1' });
    expect((await test.fetch('/openapi/v3')).body).toHaveProperty('paths.api/v1');
    const aggregated = await test.fetch('/apis', {
      headers: { accept: 'application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList' },
    });
    expect(aggregated.body).toMatchObject({ kind: 'APIGroupDiscoveryList' });
  });
});

describe('a port that is taken', () => {
  it('is one clear error', async () => {
    const { port } = test.server.address;
    await expect(startTestServer({ securePort: port })).rejects.toThrow(
      `listen on 127.0.0.1:${port}: the port is taken by another process; choose another one with --secure-port`,
    );
  });
});

describe('transport', () => {
  it('takes the same line without HTTP, and shares frozen objects', async () => {
    const transport = test.server.transport({ name: 'admin', groups: ['system:masters'] });
    const signal = new AbortController().signal;
    const path = { group: '', version: 'v1', resource: 'configmaps', namespace: 'default' };
    const body = Object.freeze({ kind: 'ConfigMap', apiVersion: 'v1', metadata: Object.freeze({ name: 'direct' }) });
    const made = (await transport.send({ verb: 'create', path, body }, signal)) as { metadata: { uid: string } };
    expect(Object.isFrozen(made.metadata)).toBe(true);
    expect((await test.fetch(`${maps}/direct`)).body).toEqual(made);
    await expect(transport.send({ verb: 'get', path: { ...path, name: 'none' } }, signal)).rejects.toMatchObject({
      reason: 'NotFound',
      message: 'configmaps "none" not found',
    });
    const stranger = test.server.transport({ name: 'jane', groups: [] });
    await expect(stranger.send({ verb: 'list', path }, signal)).rejects.toMatchObject({ reason: 'Forbidden' });
  });

  it('delivers what happens', async () => {
    const transport = test.server.transport({ name: 'admin', groups: ['system:masters'] });
    const stop = new AbortController();
    const path = { group: '', version: 'v1', resource: 'configmaps', namespace: 'default' };
    const seen: string[] = [];
    const list = (await transport.send({ verb: 'list', path }, stop.signal)) as {
      metadata: { resourceVersion: string };
    };
    const options = { resourceVersion: list.metadata.resourceVersion };
    const watching = (async () => {
      for await (const batch of transport.watch({ path, options }, stop.signal)) {
        seen.push(...batch.map(({ type }) => type));
        if (seen.length === 2) return;
      }
    })();
    await post({ metadata: { name: 'seen' } });
    await test.fetch(`${maps}/seen`, { method: 'DELETE' });
    await watching;
    expect(seen).toEqual(['ADDED', 'DELETED']);
    stop.abort();
  });
});

/** What a request gets that the server cannot read, find or take. */
import { gunzipSync } from 'node:zlib';
import { configMap, deployment } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const configMaps = () => `${target.core}/configmaps`;

describe('a path', () => {
  it.each(['/api/v1/nosuchthings', '/apis/apps/v1/nosuchthings', '/apis/apps/v9/deployments'])(
    'of nothing: %s',
    async (path) => {
      const reply = await target.admin.get(path);
      expect(reply.code).toBe(404);
      expect(reply.text).toMatch(/the server could not find the requested resource|404 page not found/);
    },
  );

  it.each(['/apis/nosuch.example/v1/things', '/nosuch', '/api/v1/namespaces/default/configmaps/a/nosuch'])(
    'of nobody: %s',
    async (path) => {
      expect((await target.admin.get(path)).code).toBe(404);
    },
  );

  it('of a namespaced object needs its namespace', async () => {
    expect((await target.admin.get('/api/v1/configmaps/a')).code).toBe(404);
    expect((await target.admin.get('/api/v1/configmaps')).code).toBe(200);
  });
});

describe('a method', () => {
  it.each([
    ['POST', '/a'],
    ['PUT', ''],
    ['PATCH', ''],
  ])('that does not fit the path: %s configmaps%s', async (method, rest) => {
    const headers = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
    const reply = await target.admin.request(method, configMaps() + rest, { body: configMap('a'), headers });
    expect(reply.code).toBe(405);
    expect(reply.body).toMatchObject({
      status: 'Failure',
      reason: 'MethodNotAllowed',
      message: 'the server does not allow this method on the requested resource',
    });
  });
});

describe('a body', () => {
  const send = (body: unknown, contentType = 'application/json') =>
    target.admin.request('POST', configMaps(), { body, headers: { 'content-type': contentType } });

  it.each([
    ['{"metadata":', 'unexpected end of JSON input'],
    ['{"metadata":}', "invalid character '}' looking for beginning of value"],
    ['{"metadata":{}} x', "invalid character 'x' after top-level value"],
  ])('that is no JSON: %s', async (body, problem) => {
    const reply = await send(body);
    expect(reply.code).toBe(400);
    expect(reply.body.reason).toBe('BadRequest');
    expect(reply.body.message).toContain(problem);
  });

  it('in a format that nobody reads', async () => {
    const reply = await send('<a/>', 'application/xml');
    expect(reply.code).toBe(415);
    expect(reply.body.reason).toBe('UnsupportedMediaType');
    expect(reply.body.message).toMatch(
      /^the body of the request was in an unknown format - accepted media types include: application\/json, /,
    );
  });

  it('of a patch in a format that is none', async () => {
    await target.admin.made(configMaps(), configMap('no-patch'));
    const reply = await target.admin.request('PATCH', `${configMaps()}/no-patch`, {
      body: {},
      headers: { 'content-type': 'application/json' },
    });
    expect(reply.code).toBe(415);
    expect(reply.body.message).toContain('application/json-patch+json, application/merge-patch+json');
  });

  it('with a value of the wrong type', async () => {
    const wrong = await send({ metadata: { name: 'wrong' }, data: { k: 1 } });
    expect(wrong.code).toBe(400);
    expect(wrong.body.reason).toBe('BadRequest');
    expect(wrong.body.message).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: ' +
        'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    );
    const replicas = await target.admin.post(`${target.apps}/deployments`, deployment('wrong', { replicas: 'three' }));
    expect(replicas.code).toBe(400);
    expect(replicas.body.message).toMatch(
      /^Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field \S+replicas of type int32$/,
    );
  });

  it('that is no object', async () => {
    for (const body of ['[]', '"text"', '7', 'null', '']) {
      const reply = await send(body);
      expect([body, reply.code]).toEqual([body, body === 'null' ? expect.any(Number) : 400]);
      expect(reply.code).toBeLessThan(500);
    }
  });

  it('of another kind or version', async () => {
    const kind = await send({ kind: 'Secret', apiVersion: 'v1', metadata: { name: 'other' } });
    expect(kind.code).toBe(400);
    expect(kind.body.message).toMatch(/^Secret in version "v1" cannot be handled as a ConfigMap/);
    expect((await send({ kind: 'ConfigMap', apiVersion: 'v2', metadata: { name: 'other' } })).code).toBe(400);
  });

  it('without kind and version', async () => {
    expect((await send({ metadata: { name: 'bare' } })).body).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
  });

  it('that is too large', async () => {
    const reply = await send(configMap('large', { k: 'x'.repeat(3 * 1024 * 1024) }));
    expect(reply.code).toBe(413);
    expect(reply.body).toMatchObject({
      reason: 'RequestEntityTooLarge',
      message: 'Request entity too large: limit is 3145728',
    });
  });

  it('in YAML', async () => {
    const reply = await send('metadata: {name: yaml}\ndata:\n  k: "1"\n', 'application/yaml');
    expect(reply.code).toBe(201);
    expect(reply.body.data).toEqual({ k: '1' });
    const bad = await send('metadata: {name: yaml\n', 'application/yaml');
    expect(bad.code).toBe(400);
  });
});

describe('the names in a body and in the path', () => {
  it('must be the same', async () => {
    await target.admin.made(configMaps(), configMap('here'));
    const name = await target.admin.put(`${configMaps()}/here`, configMap('there'));
    expect(name.code).toBe(400);
    expect(name.body.message).toBe('the name of the object (there) does not match the name on the URL (here)');
    const namespace = await target.admin.put(`${configMaps()}/here`, configMap('here', {}, { namespace: 'other' }));
    expect(namespace.code).toBe(400);
    expect(namespace.body.message).toBe(
      `the namespace of the object (other) does not match the namespace on the URL (${target.namespace})`,
    );
    const created = await target.admin.post(configMaps(), configMap('new', {}, { namespace: 'other' }));
    expect(created.code).toBe(400);
    expect(created.body.message).toBe(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  });
});

describe('an answer', () => {
  it('comes as YAML on demand', async () => {
    await target.admin.made(configMaps(), configMap('shown', { k: 'v' }));
    const reply = await target.admin.get(`${configMaps()}/shown`, { accept: 'application/yaml' });
    expect(reply.headers['content-type']).toBe('application/yaml');
    expect(reply.text).toMatch(/^kind: ConfigMap$/m);
    expect(reply.text).toMatch(/^data:\n +k: v$/m);
  });

  it('falls back to JSON when it can', async () => {
    const reply = await target.admin.get(configMaps(), {
      accept: 'application/vnd.example.nothing;q=0.9, application/json;q=0.1',
    });
    expect(reply.code).toBe(200);
    expect(reply.headers['content-type']).toBe('application/json');
  });

  it('in a format that nobody writes is refused', async () => {
    const reply = await target.admin.get(configMaps(), { accept: 'text/html' });
    expect(reply.code).toBe(406);
    expect(reply.body.reason).toBe('NotAcceptable');
    expect(reply.body.message).toMatch(/^only the following media types are accepted: application\/json, /);
  });

  it('is compressed when it is large and the client reads gzip', async () => {
    const { bytes } = await target.admin.post(configMaps(), configMap('big', { k: 'x'.repeat(300_000) }));
    expect(bytes.length).toBeGreaterThan(300_000);
    const plain = await target.admin.get(`${configMaps()}/big`);
    const packed = await target.admin.get(`${configMaps()}/big`, { 'accept-encoding': 'gzip' });
    expect([packed.headers['content-encoding'], packed.headers.vary]).toEqual(['gzip', 'Accept-Encoding']);
    expect(packed.bytes.length).toBeLessThan(30_000);
    expect(gunzipSync(packed.bytes).toString()).toBe(plain.text);
    const small = await target.admin.get(`${configMaps()}/shown`, { 'accept-encoding': 'gzip' });
    expect(small.headers['content-encoding']).toBeUndefined();
  });

  it('forbids caching', async () => {
    const { headers } = await target.admin.get(configMaps());
    expect(headers['cache-control']).toBe('no-cache, private');
  });
});

describe('options', () => {
  it.each([
    ['POST', '?dryRun=Some', 'CreateOptions', 'dryRun: Unsupported value: "Some": supported values: "All"'],
    ['POST', '?fieldValidation=Loud', 'CreateOptions', 'fieldValidation: Unsupported value: "Loud"'],
    [
      'POST',
      `?fieldManager=${'m'.repeat(129)}`,
      'CreateOptions',
      'fieldManager: Too long: may not be more than 128 bytes',
    ],
    ['PUT', '/opt?dryRun=Some', 'UpdateOptions', 'dryRun: Unsupported value: "Some": supported values: "All"'],
    ['DELETE', '/opt?dryRun=Some', 'DeleteOptions', 'dryRun: Unsupported value: "Some": supported values: "All"'],
    ['DELETE', '/opt?propagationPolicy=Some', 'DeleteOptions', 'propagationPolicy: Unsupported value: "Some"'],
  ])('are checked: %s %s', async (method, rest, kind, text) => {
    const body = method === 'DELETE' ? {} : { body: configMap('opt') };
    const reply = await target.admin.request(method, configMaps() + rest, body);
    expect(reply.code).toBe(422);
    expect(reply.body.message).toMatch(new RegExp(`^${kind}.meta.k8s.io "" is invalid: `));
    expect(reply.body.message).toContain(text);
  });

  it('that are no numbers are refused', async () => {
    expect((await target.admin.get(`${configMaps()}?limit=many`)).code).toBe(400);
    expect((await target.admin.get(`${configMaps()}?timeoutSeconds=x`)).code).toBe(400);
  });

  it('that nobody knows are ignored', async () => {
    expect((await target.admin.get(`${configMaps()}?nosuch=1`)).code).toBe(200);
  });
});

describe('unknown and doubled fields', () => {
  const body = (name: string) => `{"metadata":{"name":"${name}","labels":{},"labels":{}},"dat":{"k":"v"}}`;
  const create = (name: string, fieldValidation: string) =>
    target.admin.request('POST', `${configMaps()}?fieldValidation=${fieldValidation}`, { body: body(name) });

  it('are ignored on demand', async () => {
    const reply = await create('ignored', 'Ignore');
    expect(reply.code).toBe(201);
    expect(reply.warnings).toEqual([]);
    expect(reply.body.dat).toBeUndefined();
  });

  it.each(['Warn', ''])('make warnings with %p', async (fieldValidation) => {
    const reply = await create(`warned${fieldValidation.toLowerCase()}`, fieldValidation);
    expect(reply.code).toBe(201);
    expect([...reply.warnings].sort()).toEqual(['duplicate field "metadata.labels"', 'unknown field "dat"']);
  });

  it('are refused when asked', async () => {
    const reply = await create('strict', 'Strict');
    expect(reply.code).toBe(400);
    expect(reply.body.reason).toBe('BadRequest');
    expect(reply.body.message).toMatch(
      /^ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: /,
    );
    expect(reply.body.message).toContain('unknown field "dat"');
    expect(reply.body.message).toContain('duplicate field "metadata.labels"');
  });

  it('name the whole path', async () => {
    const template = {
      metadata: { labels: { app: 'x' } },
      spec: { containers: [{ name: 'c', image: 'i', imagee: 'j' }] },
    };
    const path = `${target.apps}/deployments?fieldValidation=Strict`;
    const reply = await target.admin.post(path, deployment('strict', { template }));
    expect(reply.code).toBe(400);
    expect(reply.body.message).toContain(
      'strict decoding error: unknown field "spec.template.spec.containers[0].imagee"',
    );
  });

  it.each(['merge-patch+json', 'strategic-merge-patch+json'] as const)('are checked in a %s too', async (type) => {
    await target.admin.post(configMaps(), configMap('patched'));
    const at = `${configMaps()}/patched`;
    const strict = await target.admin.patch(`${at}?fieldValidation=Strict`, type, { dat: { k: 'v' } });
    expect(strict.code).toBe(422);
    expect(strict.body.message).toContain('strict decoding error: unknown field "dat"');
    const warned = await target.admin.patch(`${at}?fieldValidation=Warn`, type, { dat: { k: 'v' } });
    expect(warned.code).toBe(200);
    expect(warned.warnings).toEqual(['unknown field "dat"']);
  });
});

/** What nobody sends by accident: a clean refusal each, and the server goes on. */
import { configMap } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const configMaps = () => `${target.core}/configmaps`;
const types = ['json-patch+json', 'merge-patch+json', 'strategic-merge-patch+json', 'apply-patch+yaml'] as const;

afterEach(async () => {
  expect((await target.admin.get('/readyz')).text).toBe('ok');
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

const isRefused = (code: number) => expect([code, code >= 400 && code < 500]).toEqual([code, true]);
const isAnswered = (code: number) => expect([code, code >= 200 && code < 500]).toEqual([code, true]);

describe('names of the language', () => {
  const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];

  it.each(keys)('%s as a key of data', async (key) => {
    const name = `key-${key.toLowerCase().replaceAll('_', '')}`;
    const reply = await target.admin.post(configMaps(), `{"metadata":{"name":"${name}"},"data":{"${key}":"v"}}`);
    expect(reply.code).toBe(201);
    const seen = await target.admin.get(`${configMaps()}/${name}`);
    expect(seen.text).toContain(`"${key}":"v"`);
    const patched = await target.admin.merge(`${configMaps()}/${name}`, `{"data":{"${key}":"w"}}`);
    expect(patched.code).toBe(200);
    expect(patched.text).toContain(`"${key}":"w"`);
  });

  it('as unknown fields', async () => {
    const body =
      '{"metadata":{"name":"fields"},"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    const strict = await target.admin.request('POST', `${configMaps()}?fieldValidation=Strict`, { body });
    expect(strict.code).toBe(400);
    const warned = await target.admin.post(configMaps(), body);
    expect(warned.code).toBe(201);
    expect(warned.warnings).toEqual(expect.arrayContaining(['unknown field "constructor"']));
    expect(warned.text).not.toContain('polluted');
  });

  it.each(types)('in a %s', async (type) => {
    await target.admin.post(configMaps(), configMap('polluted'));
    const body =
      type === 'json-patch+json'
        ? '[{"op":"add","path":"/__proto__/polluted","value":"x"},{"op":"add","path":"/constructor/prototype/polluted","value":"x"}]'
        : '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"polluted"},"__proto__":{"polluted":"x"},"data":{"__proto__":"y"}}';
    isAnswered((await target.admin.patch(`${configMaps()}/polluted?fieldManager=a`, type, body)).code);
  });

  it('and of nothing: a patch that takes away what the object is', async () => {
    await target.admin.post(configMaps(), configMap('headless'));
    const remove = (path: string) => ({ op: 'remove', path });
    const gone = await target.admin.patch(`${configMaps()}/headless`, 'json-patch+json', [remove('/metadata')]);
    isRefused(gone.code);
    for (const patch of [[remove('/kind')], [remove('/apiVersion')]]) {
      const reply = await target.admin.patch(`${configMaps()}/headless`, 'json-patch+json', patch);
      if (reply.code === 200) expect(reply.body).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
      else isRefused(reply.code);
    }
    expect(await target.admin.read(`${configMaps()}/headless`)).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
    isRefused((await target.admin.post(`${target.core}/pods/absent/binding`, { metadata: { name: 'absent' } })).code);
  });

  it('as a kind, a group, a name', async () => {
    for (const path of [
      '/api/v1/__proto__',
      '/apis/__proto__/v1/constructor',
      '/api/constructor/pods',
      `${configMaps()}/__proto__`,
    ]) {
      isRefused((await target.admin.get(path)).code);
    }
    isRefused((await target.admin.get(`${configMaps()}?fieldSelector=__proto__%3Dx`)).code);
    isRefused((await target.admin.get(`${configMaps()}?fieldSelector=constructor%3Dx`)).code);
    expect((await target.admin.get(`${configMaps()}?labelSelector=constructor`)).body.items).toEqual([]);
    expect((await target.admin.get(`${configMaps()}?labelSelector=toString%3Dx`)).body.items).toEqual([]);
  });
});

describe('depth', () => {
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

  it.each([1_000, 10_000, 100_000])('of %d levels in an object', async (levels) => {
    isAnswered((await target.admin.post(configMaps(), `{"metadata":{"name":"deep"},"x":${deep(levels)}}`)).code);
    isAnswered(
      (
        await target.admin.post(
          configMaps(),
          `{"metadata":{"name":"deep"},"x":${'['.repeat(levels)}${']'.repeat(levels)}}`,
        )
      ).code,
    );
    isRefused((await target.admin.post(configMaps(), '['.repeat(levels))).code);
    await target.admin.delete(`${configMaps()}/deep`);
  });

  it.each(types)('of 10,000 levels in a %s', async (type) => {
    await target.admin.post(configMaps(), configMap('deep-patch'));
    const body =
      type === 'json-patch+json'
        ? `[{"op":"add","path":"/data","value":${deep(10_000)}}]`
        : `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"deep-patch"},"x":${deep(10_000)}}`;
    isAnswered((await target.admin.patch(`${configMaps()}/deep-patch?fieldManager=a`, type, body)).code);
  });

  it('in YAML, and aliases that grow', async () => {
    const send = (body: string) =>
      target.admin.request('POST', configMaps(), { body, headers: { 'content-type': 'application/yaml' } });
    isAnswered((await send(`metadata: {name: deep-yaml}\nx: ${'['.repeat(2_000)}${']'.repeat(2_000)}\n`)).code);
    const laughs = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghij'
        .split('')
        .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[index]}`).join(',')}]`),
    ];
    isRefused((await send(`${laughs.join('\n')}\nmetadata: {name: laughs}\n`)).code);
    isRefused((await send('&a [*a]')).code);
    isAnswered((await send('metadata: &m {name: cycle, labels: *m}')).code);
  });
});

describe('size', () => {
  it('of selectors', async () => {
    const values = Array.from({ length: 5_000 }, (_, index) => `v${index}`).join(',');
    isRefused((await target.admin.get(`${configMaps()}?labelSelector=${encodeURIComponent(`a in (${values})`)}`)).code);
    const terms = Array.from({ length: 500 }, (_, index) => `k${index}=v`).join(',');
    isAnswered((await target.admin.get(`${configMaps()}?labelSelector=${encodeURIComponent(terms)}`)).code);
    isRefused((await target.admin.get(`${configMaps()}?labelSelector=${encodeURIComponent('('.repeat(5_000))}`)).code);
    isRefused((await target.admin.get(`${configMaps()}?labelSelector=${'!'.repeat(5_000)}a`)).code);
  });

  it('of paths and headers', async () => {
    const refusedOrCut = async (path: string, headers: Record<string, string>) => {
      // The server may hang up on the way: that connection must not serve the next test.
      const client = target.admin.fresh();
      const code = await client.get(path, headers).then(
        (reply) => reply.code,
        (error: NodeJS.ErrnoException) => error.code,
      );
      client.close();
      if (typeof code === 'number') isRefused(code);
      else expect(['ECONNRESET', 'EPIPE']).toContain(code);
    };
    await refusedOrCut(`${configMaps()}/${'x'.repeat(60_000)}`, {});
    await refusedOrCut(configMaps(), { 'x-large': 'x'.repeat(500_000) });
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x-header-${index}`, 'v']));
    const client = target.admin.fresh();
    isAnswered((await client.get(configMaps(), many)).code);
    client.close();
  });

  it('of numbers', async () => {
    for (const value of ['1e400', '99999999999999999999', '1.5', '-0', '2147483648']) {
      const body = `{"metadata":{"name":"n"},"spec":{"replicas":${value},"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`;
      const reply = await target.admin.post(`${target.apps}/deployments?dryRun=All`, body);
      expect([value, reply.code]).toEqual([value, value === '-0' ? expect.any(Number) : 400]);
      isAnswered(reply.code);
    }
    isRefused((await target.admin.get(`${configMaps()}?limit=99999999999999999999`)).code);
    isAnswered((await target.admin.get(`${configMaps()}?limit=-1`)).code);
    isAnswered((await target.admin.get(`${configMaps()}?timeoutSeconds=-1`)).code);
    isAnswered((await target.admin.get(`${configMaps()}?resourceVersion=-1`)).code);
    isRefused((await target.admin.get(`${configMaps()}?resourceVersion=99999999999999999999999`)).code);
  });
});

describe('bytes', () => {
  it('that are no text', async () => {
    const bytes = Buffer.from([
      ...Buffer.from('{"metadata":{"name":"utf8"},"data":{"k":"'),
      0xff,
      0xfe,
      ...Buffer.from('"}}'),
    ]);
    isAnswered((await target.admin.post(configMaps(), bytes)).code);
    isRefused((await target.admin.post(configMaps(), Buffer.from([0xff, 0xfe, 0x00, 0x01]))).code);
    isRefused((await target.admin.post(configMaps(), Buffer.alloc(1000))).code);
  });

  it('that are nothing, in names', async () => {
    isRefused((await target.admin.post(configMaps(), { metadata: { name: 'a\u0000b' } })).code);
    isRefused((await target.admin.post(configMaps(), { metadata: { name: 'a', labels: { 'a\u0000': 'b' } } })).code);
    for (const name of ['%00', 'a%00b', '..%2f..%2fsecrets', '%2e%2e', 'a%2Fb', '%ff', '%', '%zz']) {
      isRefused((await target.admin.get(`${configMaps()}/${name}`)).code);
      isRefused((await target.admin.delete(`${configMaps()}/${name}`)).code);
    }
    isRefused((await target.admin.get(`/api/v1/namespaces/..%2Fdefault/configmaps/a`)).code);
    isAnswered((await target.admin.get(`/api/v1/namespaces/${encodeURIComponent('a/b')}/configmaps`)).code);
  });

  it('in a continue token', async () => {
    const forged = (token: unknown) => Buffer.from(JSON.stringify(token)).toString('base64url');
    for (const token of [
      forged({ v: 'meta.k8s.io/v1', rv: 1, start: '../../secrets/' }),
      forged({ v: 'meta.k8s.io/v1', rv: 'x', start: 'a' }),
      forged({ v: 'meta.k8s.io/v9', rv: 1, start: 'a' }),
      forged([]),
      forged(null),
      'AAAA',
      '%00',
    ]) {
      isRefused((await target.admin.get(`${configMaps()}?limit=1&continue=${token}`)).code);
    }
  });

  it('of strange shapes in metadata', async () => {
    for (const metadata of [
      7,
      [],
      'x',
      { name: 7 },
      { name: ['a'] },
      { labels: [] },
      { labels: { a: 7 } },
      { ownerReferences: {} },
      { finalizers: 'x' },
      { managedFields: [7] },
    ]) {
      isRefused((await target.admin.post(configMaps(), { metadata })).code);
    }
    isAnswered(
      (
        await target.admin.post(configMaps(), {
          metadata: { name: 'fields', managedFields: [{ fieldsV1: { 'f:x': 7 }, manager: 'x', operation: 'Apply' }] },
        })
      ).code,
    );
    isRefused((await target.admin.delete(`${configMaps()}/fields`, '[')).code);
    isRefused((await target.admin.delete(`${configMaps()}/fields`, { gracePeriodSeconds: 'x' })).code);
  });

  it('of many clients at once', async () => {
    const bodies = ['{', '[', '\u0000', '{"metadata":{"name":7}}', configMap('Bad'), deepBody(5_000)];
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, index) => target.admin.post(configMaps(), bodies[index % bodies.length])),
    );
    for (const { code } of replies) isAnswered(code);
  });
});

function deepBody(levels: number): string {
  return `{"metadata":{"name":"deep-many"},"x":${'['.repeat(levels)}${']'.repeat(levels)}}`;
}

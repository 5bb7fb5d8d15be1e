/** Custom kinds in several versions: the same objects in all of them, by their name alone or by a webhook. */
import type { ApiObject, Tree } from './api-client.ts';
import { type CustomKind, definitionsPath, establish, until } from './crd-kinds.ts';
import { useTarget } from './target.ts';
import { startWebhookServer, type WebhookServer } from './webhook-server.ts';

const target = useTarget();

const schemaOf = (spec: Tree): Tree => ({
  openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: spec } } },
});
const versionOf = (name: string, storage: boolean, spec: Tree, more: Tree = {}): Tree => ({
  name,
  served: true,
  storage,
  schema: schemaOf(spec),
  ...more,
});

describe('versions that differ in their name', () => {
  let kind: CustomKind;
  const at = (version: string) => kind.at(target.namespace, version);
  beforeAll(async () => {
    const content = { size: { type: 'integer' } };
    kind = await establish(target.admin, {
      versions: [
        versionOf('v1beta1', false, content, { deprecated: true }),
        versionOf('v1alpha1', false, content, { deprecated: true, deprecationWarning: 'use v1 instead' }),
        versionOf('v1', true, { ...content, extra: { type: 'string', default: 'new' } }),
        { ...versionOf('v0', false, content), served: false },
      ],
    });
  });

  it('show the same objects', async () => {
    await target.admin.made(at('v1beta1'), kind.object('one', { spec: { size: 1 } }, 'v1beta1'));
    expect(await target.admin.read(`${at('v1')}/one`)).toMatchObject({
      apiVersion: `${kind.group}/v1`,
      spec: { size: 1, extra: 'new' },
    });
    const list = await target.admin.read(at('v1beta1'));
    expect(list).toMatchObject({
      apiVersion: `${kind.group}/v1beta1`,
      items: [{ apiVersion: `${kind.group}/v1beta1` }],
    });
    const patched = await target.admin.merge(`${at('v1beta1')}/one`, { spec: { size: 2 } });
    expect(patched.body).toMatchObject({ apiVersion: `${kind.group}/v1beta1`, spec: { size: 2 } });
    expect((await target.admin.read(`${at('v1')}/one`)).spec.size).toBe(2);
  });

  it('are watched in the version that is asked for', async () => {
    const watch = await target.admin.watch(`${at('v1beta1')}?resourceVersion=0`);
    await target.admin.made(at('v1'), kind.object('two', { spec: { size: 1 } }));
    const events = await watch.until(({ object }) => object.metadata.name === 'two');
    expect(new Set(events.map(({ object }) => object.apiVersion))).toEqual(new Set([`${kind.group}/v1beta1`]));
    watch.close();
  });

  it('warn when they are deprecated', async () => {
    expect((await target.admin.get(at('v1beta1'))).warnings).toEqual([`${kind.group}/v1beta1 Widget is deprecated`]);
    expect((await target.admin.get(at('v1alpha1'))).warnings).toEqual(['use v1 instead']);
    expect((await target.admin.get(at('v1'))).warnings).toEqual([]);
  });

  it('that are not served are not there', async () => {
    expect((await target.admin.get(at('v0'))).code).toBe(404);
  });

  it('are in discovery, the newest stable one first', async () => {
    const group = (await target.admin.read(`/apis/${kind.group}`)) as unknown as {
      versions: Tree[];
      preferredVersion: Tree;
    };
    expect(group.versions.map(({ version }) => version)).toEqual(['v1', 'v1beta1', 'v1alpha1']);
    expect(group.preferredVersion).toMatchObject({ version: 'v1' });
  });

  it('cannot be taken out while objects may be stored in them', async () => {
    const own = await establish(target.admin, { versions: [versionOf('v1', true, {}), versionOf('v2', false, {})] });
    const path = `${definitionsPath}/${own.name}`;
    const moved = await target.admin.merge(path, {
      spec: { versions: [versionOf('v1', false, {}), versionOf('v2', true, {})] },
    });
    expect(moved.body.status).toMatchObject({ storedVersions: ['v1', 'v2'] });
    const without = { spec: { versions: [versionOf('v2', true, {})] } };
    const reply = await target.admin.merge(path, without);
    expect([reply.code, reply.body.message]).toEqual([
      422,
      expect.stringContaining(
        'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version',
      ),
    ]);
    expect((await target.admin.merge(`${path}/status`, { status: { storedVersions: ['v2'] } })).code).toBe(200);
    expect((await target.admin.merge(path, without)).code).toBe(200);
  });
});

describe('versions that a webhook converts', () => {
  let webhook: WebhookServer;
  let kind: CustomKind;
  let fails = false;
  const at = (version: string) => kind.at(target.namespace, version);
  beforeAll(async () => {
    webhook = await startWebhookServer([]);
    webhook.on('convert', (request) => {
      if (fails) return { result: { status: 'Failure', message: 'no converting today' }, convertedObjects: [] };
      const { desiredAPIVersion, objects } = request as unknown as { desiredAPIVersion: string; objects: ApiObject[] };
      return {
        result: { status: 'Success' },
        convertedObjects: objects.map((object) => converted(object, desiredAPIVersion)),
      };
    });
    kind = await establish(target.admin, {
      versions: [
        versionOf('v1', false, { hostPort: { type: 'string' } }),
        versionOf('v2', true, { host: { type: 'string' }, port: { type: 'string' } }),
      ],
      more: {
        conversion: {
          strategy: 'Webhook',
          webhook: { conversionReviewVersions: ['v1'], clientConfig: webhook.clientConfig('convert') },
        },
      },
    });
  });
  afterAll(() => webhook.close());

  it('show what the webhook makes of the stored object', async () => {
    const made = await target.admin.made(at('v1'), kind.object('a', { spec: { hostPort: 'h:80' } }));
    expect(made).toMatchObject({ apiVersion: `${kind.group}/v1`, spec: { hostPort: 'h:80' } });
    expect((await target.admin.read(`${at('v2')}/a`)).spec).toEqual({ host: 'h', port: '80' });
    expect((await target.admin.read(at('v1'))).items[0]?.spec).toEqual({ hostPort: 'h:80' });
    const patched = await target.admin.merge(`${at('v1')}/a`, { spec: { hostPort: 'h:81' } });
    expect(patched.body.spec).toEqual({ hostPort: 'h:81' });
    expect((await target.admin.read(`${at('v2')}/a`)).spec).toEqual({ host: 'h', port: '81' });
  });

  it('are watched through the webhook', async () => {
    const watch = await target.admin.watch(`${at('v1')}?resourceVersion=0`);
    await target.admin.made(at('v2'), kind.object('w', { spec: { host: 'x', port: '1' } }, 'v2'));
    const events = await watch.until(({ object }) => object.metadata.name === 'w');
    expect(events.at(-1)?.object.spec).toEqual({ hostPort: 'x:1' });
    watch.close();
  });

  it('fail with its words', async () => {
    await target.admin.made(at('v2'), kind.object('f', { spec: { host: 'y', port: '2' } }, 'v2'));
    fails = true;
    const reply = await target.admin.get(`${at('v1')}/f`);
    fails = false;
    expect([reply.code, reply.body.message]).toEqual([
      500,
      expect.stringContaining('Widget failed: no converting today'),
    ]);
    await until(async () => (await target.admin.get(`${at('v1')}/f`)).code === 200, 'converted again');
  });
});

function converted({ apiVersion: _, spec, ...rest }: ApiObject, apiVersion: string): Tree {
  if (apiVersion.endsWith('/v1')) return { ...rest, apiVersion, spec: { hostPort: `${spec.host}:${spec.port}` } };
  const [host, port] = String(spec.hostPort).split(':');
  return { ...rest, apiVersion, spec: { host, port } };
}

import { definitionsPath, establish, newDefinition } from './crd-kinds.ts';
import { useTarget } from './target.ts';
import { patchOf, startWebhookServer, type WebhookServer } from './webhook-server.ts';

const target = useTarget();
const configurations = '/apis/admissionregistration.k8s.io/v1';

let server: WebhookServer;
let made: string[] = [];
beforeAll(async () => {
  server = await startWebhookServer([]);
});
afterAll(() => server.close());
afterEach(async () => {
  for (const path of made) await target.admin.delete(path);
  made = [];
});

async function webhook(kind: 'mutating' | 'validating', path: string, rule: object, more: object = {}) {
  const collection = `${configurations}/${kind}webhookconfigurations`;
  const name = `${path}.${target.namespace}.example.com`;
  await target.admin.made(collection, {
    metadata: { name },
    webhooks: [
      {
        name,
        clientConfig: server.clientConfig(path),
        rules: [{ operations: ['CREATE', 'UPDATE'], apiVersions: ['*'], ...rule }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        ...more,
      },
    ],
  });
  made.push(`${collection}/${name}`);
}

describe('a webhook', () => {
  it('may refuse definitions of custom kinds', async () => {
    server.on('no-definitions', () => ({ allowed: false, status: { message: 'the crd contains unwanted label' } }));
    const rule = { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'] };
    await webhook('validating', 'no-definitions', rule, {
      objectSelector: { matchLabels: { unwanted: target.namespace } },
    });
    const { body } = newDefinition();
    const labels = { unwanted: target.namespace };
    const reply = await target.admin.post(definitionsPath, {
      ...body,
      metadata: { ...(body.metadata as object), labels },
    });
    expect([reply.code, reply.body.message]).toEqual([400, expect.stringContaining('the crd contains unwanted label')]);
  });

  it('changes custom objects, of which the schema takes out what it does not know', async () => {
    const data = (names: string[]) => ({
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
    });
    const kind = await establish(target.admin, { spec: data(['start', 'first']) });
    server.on('changes', () =>
      patchOf({ op: 'add', path: '/spec/first', value: 'yes' }, { op: 'add', path: '/spec/second', value: 'yes' }),
    );
    await webhook('mutating', 'changes', { apiGroups: [kind.group], resources: ['widgets'] });
    const path = kind.at(target.namespace);
    const created = await target.admin.made(path, kind.object('x', { spec: { start: 'yes' } }));
    expect(created.spec).toEqual({ start: 'yes', first: 'yes' });
  });

  it('changes custom objects whatever version they are stored in', async () => {
    const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    const version = (name: string, storage: boolean) => {
      const schema = { openAPIV3Schema: { type: 'object', properties: { spec: free } } };
      return { name, served: true, storage, schema };
    };
    const kind = await establish(target.admin, { versions: [version('v1', true), version('v2', false)] });
    server.on('again', ({ object }) => {
      const seen = (object.spec as { seen?: number }).seen ?? 0;
      return patchOf({ op: 'add', path: '/spec/seen', value: seen + 1 });
    });
    await webhook('mutating', 'again', { apiGroups: [kind.group], resources: ['widgets'] });
    const path = kind.at(target.namespace);
    await target.admin.made(path, kind.object('x', { spec: {} }));
    await target.admin.merge(`${definitionsPath}/${kind.name}`, {
      spec: { versions: [version('v1', false), version('v2', true)] },
    });
    for (;;) {
      const reply = await target.admin.merge(`${kind.at(target.namespace, 'v2')}/x`, { spec: { more: 'x' } });
      if (reply.code !== 200) continue;
      expect(reply.body.spec).toMatchObject({ more: 'x', seen: expect.any(Number) });
      expect(reply.body.spec.seen).toBeGreaterThan(1);
      break;
    }
  });
});

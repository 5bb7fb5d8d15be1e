/** What of a custom object a server may be asked to be strict about, in creates and applies alike. */
import { establish, type CustomKind } from './crd-kinds.ts';
import type { Tree } from './api-client.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const strict = 'fieldValidation=Strict';
const replicas = { type: 'object', properties: { replicas: { type: 'integer' } } };
const embedding = {
  type: 'object',
  properties: {
    template: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
    },
  },
};

let count = 0;

async function sent(kind: CustomKind, change: Tree) {
  const path = kind.at(target.namespace);
  const create = await target.admin.post(`${path}?${strict}`, kind.object(`c${count++}`, change));
  const name = `a${count++}`;
  const object = kind.object(name, change);
  const apply = await target.admin.patch(`${path}/${name}?${strict}&fieldManager=m`, 'apply-patch+yaml', {
    ...object,
    metadata: { ...(change.metadata as object), name },
  });
  return { create, apply };
}

describe('a custom object under strict validation', () => {
  it('with what the schema knows is taken', async () => {
    const kind = await establish(target.admin, { spec: replicas });
    const { create, apply } = await sent(kind, { spec: { replicas: 1 } });
    expect([create.code, apply.code]).toEqual([201, 201]);
  });

  it('with more than the schema knows is refused', async () => {
    const kind = await establish(target.admin, { spec: replicas });
    const { create, apply } = await sent(kind, { spec: { replicas: 1, foo: 'x' } });
    expect([create.code, create.body.message]).toEqual([
      400,
      expect.stringContaining('strict decoding error: unknown field "spec.foo"'),
    ]);
    expect([apply.code, apply.body.message]).toEqual([
      400,
      expect.stringMatching(/field not declared in schema|unknown field "spec\.foo"/),
    ]);
  });

  it('of a kind that leaves everything free is taken', async () => {
    const { create, apply } = await sent(await establish(target.admin), { spec: { any: { thing: [1] } } });
    expect([create.code, apply.code]).toEqual([201, 201]);
  });

  it('that names a field twice is refused, also where everything is free', async () => {
    const kind = await establish(target.admin);
    const body = `{"apiVersion":"${kind.group}/v1","kind":"Widget","metadata":{"name":"twice"},"spec":{"a":1,"a":2}}`;
    const json = await target.admin.request('POST', `${kind.at(target.namespace)}?${strict}`, {
      body,
      headers: { 'content-type': 'application/json' },
    });
    expect([json.code, json.body.message]).toEqual([400, expect.stringContaining('duplicate field "spec.a"')]);
    const yaml = await target.admin.request('POST', `${kind.at(target.namespace)}?${strict}`, {
      body: `apiVersion: ${kind.group}/v1\nkind: Widget\nmetadata: {name: twice}\nspec: {a: 1, a: 2}\n`,
      headers: { 'content-type': 'application/yaml' },
    });
    expect([yaml.code, yaml.body.message]).toEqual([400, expect.stringContaining('already set in map')]);
  });

  it('with unknown metadata is refused, at its root and in what it embeds', async () => {
    const kind = await establish(target.admin, { spec: embedding });
    const inside = { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'x', unknownMeta: 'y' } };
    const nested = await target.admin.post(
      `${kind.at(target.namespace)}?${strict}`,
      kind.object('nested', { spec: { template: inside } }),
    );
    expect([nested.code, nested.body.message]).toEqual([
      400,
      expect.stringContaining('unknown field "spec.template.metadata.unknownMeta"'),
    ]);
    const root = await target.admin.post(`${kind.at(target.namespace)}?${strict}`, {
      ...kind.object('root', {}),
      metadata: { name: 'root', unknownMeta: 'y' },
    });
    expect([root.code, root.body.message]).toEqual([
      400,
      expect.stringContaining('unknown field "metadata.unknownMeta"'),
    ]);
  });
});

it('a typed object with unknown metadata is refused', async () => {
  const reply = await target.admin.post(`${target.core}/configmaps?${strict}`, {
    metadata: { name: 'x', unknownMeta: 'y' },
  });
  expect([reply.code, reply.body.message]).toEqual([
    400,
    expect.stringContaining('unknown field "metadata.unknownMeta"'),
  ]);
});

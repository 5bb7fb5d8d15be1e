/** CustomResourceDefinitions: what is accepted, how they come to be served, and how they go. */
import type { Tree } from './api-client.ts';
import { conditionOf, definitionsPath, establish, established, newDefinition, until } from './crd-kinds.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const refused = async (body: Tree) => {
  const reply = await target.admin.post(definitionsPath, body);
  expect([reply.code, reply.text]).toEqual([422, expect.anything()]);
  return reply.body.message;
};
const withSchema = (openAPIV3Schema: Tree) =>
  newDefinition({ versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }] }).body;

describe('a definition', () => {
  it('gets its defaults, its conditions, and is served', async () => {
    const { body, kind } = newDefinition({ names: { shortNames: ['wd'], categories: ['all'] } });
    const made = await target.admin.made(definitionsPath, body);
    expect(made.spec).toMatchObject({
      conversion: { strategy: 'None' },
      names: { singular: 'widget', listKind: 'WidgetList' },
    });
    await established(target.admin, kind);
    const definition = await target.admin.read(`${definitionsPath}/${kind.name}`);
    expect(definition.status).toMatchObject({
      storedVersions: ['v1'],
      acceptedNames: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] },
    });
    expect(conditionOf(definition, 'NamesAccepted')).toMatchObject({ status: 'True', reason: 'NoConflicts' });
    const { resources } = (await target.admin.read(`/apis/${kind.group}/v1`)) as unknown as { resources: Tree[] };
    expect(resources).toContainEqual(
      expect.objectContaining({
        name: 'widgets',
        singularName: 'widget',
        kind: 'Widget',
        namespaced: true,
        shortNames: ['wd'],
        categories: ['all'],
      }),
    );
    const list = await target.admin.read(kind.at(target.namespace));
    expect(list).toMatchObject({ kind: 'WidgetList', apiVersion: `${kind.group}/v1`, items: [] });
  });

  it('is in the OpenAPI documents and in the aggregated discovery', async () => {
    const kind = await establish(target.admin, {
      spec: { type: 'object', properties: { size: { type: 'integer', description: 'How large.' } } },
    });
    const v3 = await target.admin.read(`/openapi/v3/apis/${kind.group}/v1`);
    expect(JSON.stringify(v3)).toContain('How large.');
    expect((await target.admin.get('/openapi/v3')).text).toContain(`apis/${kind.group}/v1`);
    expect((await target.admin.get('/openapi/v2')).text).toContain('How large.');
    const aggregated = await target.admin.get('/apis', {
      accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    });
    expect(aggregated.text).toContain(kind.group);
  });

  it('takes its objects along when it goes', async () => {
    const kind = await establish(target.admin);
    const at = kind.at(target.namespace);
    await target.admin.made(at, kind.object('a', { spec: {} }));
    const held = await target.admin.made(at, {
      ...kind.object('b', { spec: {} }),
      metadata: { name: 'b', finalizers: ['example.com/hold'] },
    });
    expect((await target.admin.delete(`${definitionsPath}/${kind.name}`)).code).toBe(200);
    const terminating = await target.admin.read(`${definitionsPath}/${kind.name}`);
    expect(terminating.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    expect(conditionOf(terminating, 'Terminating')).toMatchObject({ status: 'True' });
    await until(async () => (await target.admin.get(`${at}/a`)).code === 404, 'a deleted');
    const more = await target.admin.post(at, kind.object('c', { spec: {} }));
    expect([more.code, more.body.message]).toEqual([
      405,
      'create not allowed while custom resource definition is terminating',
    ]);
    await until(async () => (await target.admin.read(`${at}/b`)).metadata.deletionTimestamp !== undefined, 'b marked');
    await target.admin.merge(`${at}/${held.metadata.name}`, { metadata: { finalizers: null } });
    await until(
      async () => (await target.admin.get(`${definitionsPath}/${kind.name}`)).code === 404,
      'definition gone',
    );
    await until(async () => (await target.admin.get(at)).code === 404, 'kind no more served');
    expect((await target.admin.get(`/apis/${kind.group}`)).code).toBe(404);
  });

  it('waits for names that another one has', async () => {
    const first = newDefinition();
    await target.admin.made(definitionsPath, first.body);
    await established(target.admin, first.kind);
    const { group } = first.kind;
    const name = `gadgets.${group}`;
    const spec = { ...(first.body.spec as Tree), names: { plural: 'gadgets', singular: 'gadget', kind: 'Widget' } };
    await target.admin.made(definitionsPath, { ...first.body, metadata: { name }, spec });
    const second = () => target.admin.read(`${definitionsPath}/${name}`);
    await until(async () => conditionOf(await second(), 'NamesAccepted') !== undefined, 'names looked at');
    expect(conditionOf(await second(), 'NamesAccepted')).toMatchObject({
      status: 'False',
      reason: 'KindConflict',
      message: '"Widget" is already in use',
    });
    expect(conditionOf(await second(), 'Established')).toMatchObject({ status: 'False', reason: 'NotAccepted' });
    await target.admin.delete(`${definitionsPath}/${first.kind.name}`);
    await until(async () => conditionOf(await second(), 'Established')?.status === 'True', 'second one established');
  });

  it('keeps its group, its scope and its kind', async () => {
    const kind = await establish(target.admin);
    const reply = await target.admin.merge(`${definitionsPath}/${kind.name}`, { spec: { scope: 'Cluster' } });
    expect([reply.code, reply.body.message]).toEqual([
      422,
      expect.stringContaining('spec.scope: Invalid value: "Cluster": field is immutable'),
    ]);
  });
});

describe('what is refused', () => {
  it.each([
    [
      'a name of another form',
      (body: Tree) => ({ ...body, metadata: { name: 'x.example.com' } }),
      'must be spec.names.plural+"."+spec.group',
    ],
    [
      'no storage version',
      (body: Tree) => withVersions(body, [{ storage: false }]),
      'must have exactly one version marked as storage version',
    ],
    [
      'two storage versions',
      (body: Tree) => withVersions(body, [{}, { name: 'v2' }]),
      'must have exactly one version marked as storage version',
    ],
    [
      'no schema',
      (body: Tree) => withVersions(body, [{ schema: undefined }]),
      'spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required',
    ],
    [
      'an unknown scope',
      (body: Tree) => withSpec(body, { scope: 'Planet' }),
      'spec.scope: Unsupported value: "Planet"',
    ],
    [
      'a webhook without an address',
      (body: Tree) => withSpec(body, { conversion: { strategy: 'Webhook' } }),
      'spec.conversion.webhook.clientConfig: Required value',
    ],
    [
      'a column of an unknown type',
      (body: Tree) =>
        withVersions(body, [{ additionalPrinterColumns: [{ name: 'X', type: 'blob', jsonPath: '.spec.x' }] }]),
      'must be one of integer,number,string,boolean,date',
    ],
    [
      'a scale path outside of spec',
      (body: Tree) =>
        withVersions(body, [
          { subresources: { scale: { specReplicasPath: '.x.replicas', statusReplicasPath: '.status.replicas' } } },
        ]),
      'should be a json path under .spec',
    ],
  ] as const)('%s', async (_, change, message) => {
    expect(await refused(change(newDefinition().body))).toContain(message);
  });

  it('a group of the project without approval', async () => {
    const { body } = newDefinition();
    const spec = { ...(body.spec as Tree), group: 'things.k8s.io' };
    const message = await refused({ ...body, metadata: { name: 'widgets.things.k8s.io' }, spec });
    expect(message).toContain('protected groups must have approval annotation "api-approved.kubernetes.io"');
  });

  it.each<[string, Tree, string]>([
    [
      'a part without a type',
      { type: 'object', properties: { a: { description: 'x' } } },
      'properties[a].type: Required value: must not be empty for specified object fields',
    ],
    [
      'a root that is no object',
      { type: 'array', items: { type: 'string' } },
      'type: Invalid value: "array": must be object at the root',
    ],
    [
      'a list without items',
      { type: 'object', properties: { a: { type: 'array' } } },
      'properties[a].items: Required value: must be specified',
    ],
    [
      'unique items',
      { type: 'object', properties: { a: { type: 'array', uniqueItems: true, items: { type: 'string' } } } },
      'uniqueItems cannot be set to true',
    ],
    [
      'both properties and additionalProperties',
      {
        type: 'object',
        properties: {
          a: { type: 'object', properties: { b: { type: 'string' } }, additionalProperties: { type: 'string' } },
        },
      },
      'additionalProperties and properties are mutual exclusive',
    ],
    [
      'a type inside anyOf',
      { type: 'object', properties: { a: { type: 'string', anyOf: [{ type: 'string' }] } } },
      'anyOf[0].type: Forbidden: must be empty to be structural',
    ],
    [
      'a default of another type',
      { type: 'object', properties: { a: { type: 'string', default: 5 } } },
      'must be of type string: "integer"',
    ],
    [
      'a keyed list whose key may be missing',
      {
        type: 'object',
        properties: {
          a: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['n'],
            items: { type: 'object', properties: { n: { type: 'string' } } },
          },
        },
      },
      'so it must have a default or be a required property',
    ],
    [
      'metadata of its own',
      { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
      'must not specify anything other than name and generateName',
    ],
    [
      'a pattern that is none',
      { type: 'object', properties: { a: { type: 'string', pattern: '(' } } },
      "must be a valid regular expression, but isn't",
    ],
    [
      'a pattern that is short and a great deal of work',
      { type: 'object', properties: { a: { type: 'string', pattern: 'a{1000}'.repeat(51) } } },
      "must be a valid regular expression, but isn't: expression too large",
    ],
    [
      'tens of thousands of patterns',
      {
        type: 'object',
        properties: Object.fromEntries(
          Array.from({ length: 40_000 }, (_, i) => [`f${i}`, { type: 'string', pattern: `^[a-z]+${i}$` }]),
        ),
      },
      'spec.versions: Forbidden: the regular expressions of all schemas must not be larger than 200000 instructions',
    ],
    [
      'a rule about a field that is not there',
      { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.nope == 1' }], properties: {} },
      "undefined field 'nope'",
    ],
    [
      'a rule that costs too much',
      {
        type: 'object',
        properties: { l: { type: 'array', items: { type: 'string' } } },
        'x-kubernetes-validations': [{ rule: 'self.l.all(x, self.l.all(y, x != y || true))' }],
      },
      'estimated rule cost exceeds budget by factor of more than 100x',
    ],
    [
      'a rule with a past where there is none',
      {
        type: 'object',
        properties: {
          l: {
            type: 'array',
            maxItems: 3,
            items: { type: 'string', maxLength: 5, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
          },
        },
      },
      'oldSelf cannot be used on the uncorrelatable portion of the schema',
    ],
  ])('%s', async (_, schema, message) => {
    expect(await refused(withSchema(schema))).toContain(message);
  });
});

function withSpec(body: Tree, change: Tree): Tree {
  return { ...body, spec: { ...(body.spec as Tree), ...change } };
}

/** The one version several times, each with changes. */
function withVersions(body: Tree, changes: readonly Tree[]): Tree {
  const [version] = (body.spec as { versions: readonly Tree[] }).versions;
  return withSpec(body, { versions: changes.map((change) => ({ ...version, ...change })) });
}

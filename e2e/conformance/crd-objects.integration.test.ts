/** Objects of custom kinds: pruned, defaulted, checked, patched, applied, shown. */
import type { Tree } from './api-client.ts';
import { type CustomKind, definitionsPath, establish, until } from './crd-kinds.ts';
import { useTarget } from './target.ts';

const target = useTarget();

const spec: Tree = {
  type: 'object',
  required: ['schedule'],
  properties: {
    schedule: { type: 'string', pattern: '^[0-9*]+$', maxLength: 5 },
    replicas: { type: 'integer', minimum: 1, maximum: 9, default: 2 },
    color: { type: 'string', enum: ['red', 'green'] },
    when: { type: 'string', format: 'date-time' },
    port: { 'x-kubernetes-int-or-string': true },
    note: { type: 'string', nullable: true },
    filled: { type: 'string', default: 'yes' },
    nested: { type: 'object', default: {}, properties: { depth: { type: 'integer', default: 7 } } },
    free: {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      properties: { known: { type: 'object', properties: { a: { type: 'string' } } } },
    },
    template: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
    tags: { type: 'array', maxItems: 3, items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    ports: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['number', 'protocol'],
      items: {
        type: 'object',
        required: ['number'],
        properties: {
          number: { type: 'integer' },
          protocol: { type: 'string', default: 'UDP' },
          name: { type: 'string' },
        },
      },
    },
    labels: { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 2 },
    choice: {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'string' } },
      oneOf: [{ required: ['a'] }, { required: ['b'] }],
    },
  },
};
const version: Tree = {
  subresources: {
    status: {},
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  },
  additionalPrinterColumns: [
    { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule' },
    { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas', priority: 1 },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  ],
  selectableFields: [{ jsonPath: '.spec.color' }],
};

let kind: CustomKind;
let at: string;
beforeAll(async () => {
  kind = await establish(target.admin, { spec, version });
  at = kind.at(target.namespace);
});
const create = (name: string, content: Tree, query = '') =>
  target.admin.post(`${at}${query}`, kind.object(name, { spec: { schedule: '*', ...content } }));
const made = async (name: string, content: Tree = {}) =>
  target.admin.made(at, kind.object(name, { spec: { schedule: '*', ...content } }));
const invalid = async (content: Tree) => {
  const reply = await create('refused', content);
  expect([reply.code, reply.text]).toEqual([422, expect.anything()]);
  return reply.body.message;
};

describe('a new object', () => {
  it('has its defaults, a generation, and no status', async () => {
    const reply = await target.admin.post(
      at,
      kind.object('fresh', { spec: { schedule: '*' }, status: { replicas: 3 } }),
    );
    expect(reply.code).toBe(201);
    expect(reply.body.spec).toEqual({ schedule: '*', replicas: 2, filled: 'yes', nested: { depth: 7 } });
    expect(reply.body.metadata.generation).toBe(1);
    expect(reply.body.status).toBeUndefined();
  });

  it('loses what the schema does not know, and keeps what it leaves free', async () => {
    const { spec: stored } = await made('pruned', {
      unknown: 1,
      free: { any: { thing: [1] }, known: { a: 'x', b: 'y' } },
      template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', labels: { a: 'b' }, nope: 1 }, spec: { x: 1 } },
    });
    expect(stored).not.toHaveProperty('unknown');
    expect(stored.free).toEqual({ any: { thing: [1] }, known: { a: 'x' } });
    expect(stored.template).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', labels: { a: 'b' } },
      spec: { x: 1 },
    });
  });

  it('says what it does not know when asked to be strict, and warns otherwise', async () => {
    const strict = await create('strict', { unknown: 1 }, '?fieldValidation=Strict');
    expect([strict.code, strict.body.message]).toEqual([
      400,
      expect.stringContaining('strict decoding error: unknown field "spec.unknown"'),
    ]);
    expect((await create('warned', { unknown: 1 })).warnings).toContain('unknown field "spec.unknown"');
  });

  it('treats null as the schema says', async () => {
    const { spec: stored } = await made('nulls', { note: null, filled: null });
    expect(stored).toMatchObject({ note: null, filled: 'yes' });
  });

  it('takes numbers and strings where both are allowed', async () => {
    expect((await made('ios-a', { port: 80 })).spec.port).toBe(80);
    expect((await made('ios-b', { port: 'http' })).spec.port).toBe('http');
  });

  it.each<[string, Tree, string]>([
    [
      'a wrong type',
      { replicas: 'x' },
      'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
    ],
    [
      'too small',
      { replicas: 0 },
      'spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1',
    ],
    [
      'too large',
      { replicas: 10 },
      'spec.replicas: Invalid value: 10: spec.replicas in body should be less than or equal to 9',
    ],
    ['another value', { color: 'blue' }, 'spec.color: Unsupported value: "blue": supported values: "red", "green"'],
    [
      'another form',
      { schedule: 'abc' },
      'spec.schedule: Invalid value: "abc": spec.schedule in body should match \'^[0-9*]+$\'',
    ],
    ['too long', { schedule: '123456' }, 'spec.schedule: Too long: may not be more than 5 bytes'],
    ['another format', { when: 'yesterday' }, 'spec.when in body must be of type date-time: "yesterday"'],
    ['null', { schedule: null }, 'spec.schedule: Required value'],
    ['twice in a set', { tags: ['a', 'a'] }, 'spec.tags[1]: Duplicate value: "a"'],
    ['too many', { tags: ['a', 'b', 'c', 'd'] }, 'spec.tags: Too many: 4: must have at most 3 items'],
    [
      'the same keys',
      { ports: [{ number: 1 }, { number: 1, protocol: 'UDP' }] },
      'spec.ports[1]: Duplicate value: {"number":1,"protocol":"UDP"}',
    ],
    ['too many keys', { labels: { a: '1', b: '2', c: '3' } }, 'spec.labels: Too many: 3: must have at most 2 items'],
    ['no kind inside', { template: { apiVersion: 'v1' } }, 'spec.template.kind: Required value: must not be empty'],
    [
      'neither alternative',
      { choice: {} },
      'spec.choice in body must validate one and only one schema (oneOf). Found none valid',
    ],
    ['both alternatives', { choice: { a: 'x', b: 'y' } }, 'Found 2 valid alternatives'],
  ])('is refused for %s', async (_, content, message) => {
    expect(await invalid(content)).toContain(message);
  });

  it('is refused without what is required', async () => {
    const reply = await target.admin.post(at, kind.object('empty', { spec: {} }));
    expect([reply.code, reply.body.message]).toEqual([422, expect.stringContaining('spec.schedule: Required value')]);
  });
});

describe('a change', () => {
  it('counts the generation, but not for metadata or status', async () => {
    await made('counted');
    const change = async (path: string, patch: Tree) =>
      (await target.admin.merge(`${at}/${path}`, patch)).body.metadata.generation;
    expect(await change('counted', { metadata: { labels: { a: 'b' } } })).toBe(1);
    expect(await change('counted/status', { status: { replicas: 1 } })).toBe(1);
    expect(await change('counted', { spec: { replicas: 3 } })).toBe(2);
  });

  it('of the status leaves the spec alone, and the other way round', async () => {
    await made('split');
    const status = await target.admin.merge(`${at}/split/status`, { spec: { replicas: 5 }, status: { replicas: 4 } });
    expect(status.body).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 4 } });
    const main = await target.admin.merge(`${at}/split`, { spec: { replicas: 5 }, status: { replicas: 9 } });
    expect(main.body).toMatchObject({ spec: { replicas: 5 }, status: { replicas: 4 } });
  });

  it('needs a version when the whole object is sent', async () => {
    const { metadata } = await made('versioned');
    const body = kind.object('versioned', { spec: { schedule: '1' } });
    const reply = await target.admin.put(`${at}/versioned`, body);
    expect([reply.code, reply.body.message]).toEqual([
      422,
      expect.stringContaining('metadata.resourceVersion: Invalid value: 0: must be specified for an update'),
    ]);
    const good = await target.admin.put(`${at}/versioned`, { ...body, metadata });
    expect(good.body.spec.schedule).toBe('1');
  });

  it('knows no strategic merge', async () => {
    await made('patched');
    expect((await target.admin.patch(`${at}/patched`, 'strategic-merge-patch+json', { spec: {} })).code).toBe(415);
    const json = await target.admin.patch(`${at}/patched`, 'json-patch+json', [
      { op: 'replace', path: '/spec/schedule', value: '5' },
    ]);
    expect(json.body.spec.schedule).toBe('5');
  });

  it('does not look again at what was accepted before the schema became stricter', async () => {
    const own = await establish(target.admin, {
      spec: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } },
    });
    const path = own.at(target.namespace);
    await target.admin.made(path, own.object('old', { spec: { a: 'long enough', b: 'x' } }));
    const definition = await target.admin.read(`${definitionsPath}/${own.name}`);
    const text = JSON.stringify(definition.spec).replace(
      '"a":{"type":"string"}',
      '"a":{"type":"string","maxLength":3}',
    );
    await target.admin.merge(`${definitionsPath}/${own.name}`, { spec: JSON.parse(text) as Tree });
    await until(
      async () =>
        (await target.admin.post(`${path}?dryRun=All`, own.object('new', { spec: { a: 'long enough' } }))).code === 422,
      'stricter',
    );
    expect((await target.admin.merge(`${path}/old`, { spec: { b: 'y' } })).code).toBe(200);
    expect((await target.admin.merge(`${path}/old`, { spec: { a: 'also too long' } })).code).toBe(422);
  });
});

describe('server-side apply', () => {
  const apply = (name: string, manager: string, content: Tree, force = false) =>
    target.admin.patch(
      `${at}/${name}?fieldManager=${manager}${force ? '&force=true' : ''}`,
      'apply-patch+yaml',
      kind.object(name, { spec: content }),
    );

  it('merges keyed lists and sets by the schema', async () => {
    expect(
      (await apply('applied', 'one', { schedule: '*', ports: [{ number: 1, name: 'a' }], tags: ['x'] })).code,
    ).toBe(201);
    const both = await apply('applied', 'two', { ports: [{ number: 2, name: 'b' }], tags: ['y'] });
    expect(both.body.spec.ports).toEqual([
      { number: 1, protocol: 'UDP', name: 'a' },
      { number: 2, protocol: 'UDP', name: 'b' },
    ]);
    expect(both.body.spec.tags).toEqual(['x', 'y']);
    const gone = await apply('applied', 'two', { tags: ['y'] });
    expect(gone.body.spec.ports).toEqual([{ number: 1, protocol: 'UDP', name: 'a' }]);
  });

  it('owns what the schema leaves free key by key', async () => {
    await apply('free', 'one', { schedule: '*', free: { mine: { a: 1 }, list: [1] } });
    const both = await apply('free', 'two', { free: { mine: { b: 2 }, yours: 'x' } });
    expect(both.body.spec.free).toEqual({ mine: { a: 1, b: 2 }, list: [1], yours: 'x' });
    const gone = await apply('free', 'two', { free: { yours: 'x' } });
    expect(gone.body.spec.free).toEqual({ mine: { a: 1 }, list: [1], yours: 'x' });
    expect((await apply('free', 'two', { free: { list: [2] } })).code).toBe(409);
  });

  it('tells who has a field already', async () => {
    await apply('contested', 'one', { schedule: '*', replicas: 3 });
    const reply = await apply('contested', 'two', { replicas: 4 });
    expect([reply.code, reply.body.message]).toEqual([
      409,
      expect.stringContaining('conflict with "one": .spec.replicas'),
    ]);
    expect((await apply('contested', 'two', { replicas: 4 }, true)).body.spec.replicas).toBe(4);
  });
});

describe('what is shown', () => {
  it('has the columns of the definition', async () => {
    await made('shown', { replicas: 4 });
    await target.admin.merge(`${at}/shown/status`, { status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    const table = await target.admin.get(`${at}/shown`, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    const { columnDefinitions, rows } = table.body as unknown as { columnDefinitions: Tree[]; rows: Tree[] };
    expect(columnDefinitions.map(({ name, priority }) => [name, priority])).toEqual([
      ['Name', 0],
      ['Schedule', 0],
      ['Replicas', 1],
      ['Ready', 0],
    ]);
    expect(rows[0]?.cells).toEqual(['shown', '*', 4, 'True']);
  });

  it('is selected by the fields of the definition', async () => {
    await made('red', { color: 'red' });
    await made('green', { color: 'green' });
    const list = await target.admin.read(`${at}?fieldSelector=spec.color%3Dred`);
    expect(list.items.map(({ metadata }) => metadata.name)).toEqual(['red']);
    expect((await target.admin.get(`${at}?fieldSelector=spec.nope%3Dred`)).code).toBe(400);
  });

  it('is watched', async () => {
    const { metadata } = await target.admin.read(at);
    const watch = await target.admin.watch(`${at}?resourceVersion=${metadata.resourceVersion}`);
    await made('watched');
    await target.admin.merge(`${at}/watched`, { spec: { replicas: 3 } });
    await target.admin.delete(`${at}/watched`);
    expect(await watch.nextNames(3)).toEqual(['ADDED watched', 'MODIFIED watched', 'DELETED watched']);
    watch.close();
  });
});

describe('the scale', () => {
  it('reads and sets the replicas where the definition says', async () => {
    await made('scaled');
    await target.admin.merge(`${at}/scaled/status`, { status: { replicas: 2, selector: 'app=x' } });
    const scale = await target.admin.read(`${at}/scaled/scale`);
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 2 }, status: { replicas: 2, selector: 'app=x' } });
    const changed = await target.admin.put(`${at}/scaled/scale`, { ...scale, spec: { replicas: 6 } });
    expect(changed.body.spec.replicas).toBe(6);
    expect((await target.admin.read(`${at}/scaled`)).spec.replicas).toBe(6);
    expect((await target.admin.merge(`${at}/scaled/scale`, { spec: { replicas: 50 } })).code).toBe(422);
  });
});

describe('defaults that come later', () => {
  it('are in what is read of older objects', async () => {
    const own = await establish(target.admin, { spec: { type: 'object', properties: { a: { type: 'string' } } } });
    const path = own.at(target.namespace);
    await target.admin.made(path, own.object('old', { spec: {} }));
    const definition = await target.admin.read(`${definitionsPath}/${own.name}`);
    const text = JSON.stringify(definition.spec).replace(
      '"a":{"type":"string"}',
      '"a":{"type":"string","default":"later"}',
    );
    await target.admin.merge(`${definitionsPath}/${own.name}`, { spec: JSON.parse(text) as Tree });
    await until(async () => (await target.admin.read(`${path}/old`)).spec.a === 'later', 'default shown');
    expect((await target.admin.read(path)).items[0]?.spec).toEqual({ a: 'later' });
  });

  it('and what a newer schema does not know is not', async () => {
    const both = { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } };
    const own = await establish(target.admin, { spec: both });
    const path = own.at(target.namespace);
    await target.admin.made(path, own.object('old', { spec: { a: 'x', b: 'y' } }));
    const definition = await target.admin.read(`${definitionsPath}/${own.name}`);
    const text = JSON.stringify(definition.spec).replace(',"b":{"type":"string"}', '');
    await target.admin.merge(`${definitionsPath}/${own.name}`, { spec: JSON.parse(text) as Tree });
    await until(async () => (await target.admin.read(`${path}/old`)).spec.b === undefined, 'field gone');
    expect((await target.admin.read(path)).items[0]?.spec).toEqual({ a: 'x' });
    const watch = await target.admin.watch(path);
    expect((await watch.next()).object.spec).toEqual({ a: 'x' });
    watch.close();
  });
});

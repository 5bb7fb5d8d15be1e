/** `x-kubernetes-validations`: rules of the Common Expression Language on custom objects. */
import type { Tree } from './api-client.ts';
import { type CustomKind, definitionsPath, establish, until } from './crd-kinds.ts';
import { useTarget } from './target.ts';

const target = useTarget();

const spec: Tree = {
  type: 'object',
  'x-kubernetes-validations': [
    { rule: 'self.min <= self.max', message: 'min must not be above max' },
    {
      rule: '!has(self.name) || self.name.startsWith(self.prefix)',
      messageExpression: '"name must start with " + self.prefix',
      fieldPath: '.name',
      reason: 'FieldValueForbidden',
    },
    { rule: 'self.fixed == oldSelf.fixed', message: 'fixed is immutable' },
    { rule: 'oldSelf.hasValue() || self.fixed == "first"', optionalOldSelf: true, message: 'begins with first' },
    { rule: 'self.items.all(i, i.value < 100)' },
    { rule: 'self.quotient == 0 || 100 / self.quotient > 0' },
    { rule: 'self.divisor == 7 || 100 / (self.divisor - 5) > -1000' },
  ],
  properties: {
    min: { type: 'integer', default: 0 },
    max: { type: 'integer', default: 10 },
    prefix: { type: 'string', default: 'x-', maxLength: 10 },
    name: { type: 'string', maxLength: 20 },
    fixed: { type: 'string', default: 'first', maxLength: 10 },
    quotient: { type: 'integer', default: 0 },
    divisor: { type: 'integer', default: 7 },
    items: {
      type: 'array',
      default: [],
      maxItems: 20,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', maxLength: 10 },
          value: {
            type: 'integer',
            default: 0,
            'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'value never falls' }],
          },
        },
      },
    },
  },
};

let kind: CustomKind;
let at: string;
beforeAll(async () => {
  kind = await establish(target.admin, { spec });
  at = kind.at(target.namespace);
});
const create = (name: string, content: Tree) => target.admin.post(at, kind.object(name, { spec: content }));
const message = async (content: Tree) => {
  const reply = await create('refused', content);
  expect([reply.code, reply.text]).toEqual([422, expect.anything()]);
  return reply.body.message;
};

describe('a rule', () => {
  it('lets pass what holds', async () => {
    expect((await create('good', { min: 1, max: 2, name: 'x-y', items: [{ name: 'a', value: 5 }] })).code).toBe(201);
  });

  it('tells its message', async () => {
    expect(await message({ min: 5, max: 2 })).toContain('spec: Invalid value: "object": min must not be above max');
  });

  it('without a message tells itself', async () => {
    expect(await message({ items: [{ name: 'a', value: 500 }] })).toContain(
      'failed rule: self.items.all(i, i.value < 100)',
    );
  });

  it('makes its message, for a reason, at a place', async () => {
    const reply = await create('refused', { name: 'bad' });
    expect(reply.body.message).toContain('spec.name: Forbidden: name must start with x-');
    expect(reply.body.details).toMatchObject({ causes: [{ reason: 'FieldValueForbidden', field: 'spec.name' }] });
  });

  it('that fails refuses the object', async () => {
    expect(await message({ divisor: 5 })).toContain('division by zero evaluating rule: self.divisor == 7 ||');
  });

  it('about the past is asked when there is one', async () => {
    await target.admin.made(
      at,
      kind.object('past', {
        spec: {
          items: [
            { name: 'a', value: 5 },
            { name: 'b', value: 1 },
          ],
        },
      }),
    );
    const fixed = await target.admin.merge(`${at}/past`, { spec: { fixed: 'other' } });
    expect([fixed.code, fixed.body.message]).toEqual([422, expect.stringContaining('fixed is immutable')]);
    const fallen = await target.admin.merge(`${at}/past`, {
      spec: {
        items: [
          { name: 'b', value: 1 },
          { name: 'a', value: 4 },
        ],
      },
    });
    expect([fallen.code, fallen.body.message]).toEqual([
      422,
      expect.stringContaining('spec.items[1].value: Invalid value: "integer": value never falls'),
    ]);
    expect(
      (
        await target.admin.merge(`${at}/past`, {
          spec: {
            items: [
              { name: 'b', value: 1 },
              { name: 'a', value: 6 },
            ],
          },
        })
      ).code,
    ).toBe(200);
  });

  it('with an optional past is asked at the beginning too', async () => {
    expect(await message({ fixed: 'second' })).toContain('begins with first');
  });

  it('that came later only warns of what was stored before', async () => {
    const own = await establish(target.admin, {
      spec: {
        type: 'object',
        properties: { a: { type: 'integer' }, b: { type: 'object', properties: { c: { type: 'integer' } } } },
      },
    });
    const path = own.at(target.namespace);
    await target.admin.made(path, own.object('old', { spec: { a: 1, b: { c: 9 } } }));
    const definition = await target.admin.read(`${definitionsPath}/${own.name}`);
    const text = JSON.stringify(definition.spec).replace(
      '{"c":{"type":"integer"}}',
      '{"c":{"type":"integer"}},"x-kubernetes-validations":[{"rule":"self.c < 5","message":"c is too large"}]',
    );
    await target.admin.merge(`${definitionsPath}/${own.name}`, { spec: JSON.parse(text) as Tree });
    await until(
      async () =>
        (await target.admin.post(`${path}?dryRun=All`, own.object('new', { spec: { b: { c: 9 } } }))).code === 422,
      'stricter',
    );
    const reply = await target.admin.merge(`${path}/old`, { spec: { a: 2 } });
    expect([reply.code, reply.warnings]).toEqual([200, [expect.stringContaining('c is too large')]]);
    expect((await target.admin.merge(`${path}/old`, { spec: { b: { c: 8 } } })).code).toBe(422);
  });
});

describe('a rule that runs too long', () => {
  it('is stopped, and nobody else waits for it', async () => {
    const own = await establish(target.admin, {
      spec: {
        type: 'object',
        'x-kubernetes-validations': [{ rule: 'self.a.all(x, self.a.all(y, self.a.all(z, x + y + z >= 0)))' }],
        properties: { a: { type: 'array', maxItems: 100, items: { type: 'integer' } } },
      },
    });
    const path = own.at(target.namespace);
    const reply = await target.admin.post(path, own.object('slow', { spec: { a: new Array(100).fill(1) } }));
    expect([reply.code, reply.body.message]).toEqual([
      422,
      expect.stringContaining('call cost exceeds limit for rule'),
    ]);
  });
});

import { withoutMessages } from './message-literals.ts';

/** Blanks aside. */
const rewritten = (text: string) => withoutMessages(text).replace(/\s+/g, ' ').trim();

describe('withoutMessages', () => {
  it.each([
    ['Object{spec: Object.spec{replicas: 3}}', '{"spec": {"replicas": 3}}'],
    ['[JSONPatch{op: "add", path: "/a", value: {"b": 1}}]', '[ {"op": "add", "path": "/a", "value": {"b": 1}}]'],
    [
      'Object{metadata: Object.metadata{labels: {"a": x ? "b" : "c"}}}',
      '{"metadata": {"labels": {"a": x ? "b" : "c"}}}',
    ],
    ['Object {}', '{}'],
    [
      'has(object.Object) ? Object{a: [1, 2], b: f(x, y)} : Object{}',
      'has(object.Object) ? {"a": [1, 2], "b": f(x, y)} : {}',
    ],
    ['"Object{a: 1}" + \'JSONPatch{b: 2}\'', '"Object{a: 1}" + \'JSONPatch{b: 2}\''],
    ['variables.map(x, {x: 1})', 'variables.map(x, {x: 1})'],
  ])('reads %s', (text, expected) => {
    expect(rewritten(text)).toBe(expected);
  });

  it('is done with hostile texts at once', () => {
    expect(withoutMessages(`"${'\\'.repeat(50_000)}`)).toHaveLength(50_001);
    expect(withoutMessages('Object{'.repeat(5_000))).toContain('{');
  });
});

import { isNestedTooDeep, isValueTooDeep, nestingMax } from './nesting.ts';

const lists = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('nesting', () => {
  it.each([
    ['as deep as may be', lists(nestingMax), false],
    ['one deeper', lists(nestingMax + 1), true],
    ['objects', '{"a":'.repeat(nestingMax + 1), true],
    ['many siblings', `[${Array(2_000).fill('[]').join(',')}]`, false],
    ['brackets in strings', JSON.stringify({ a: '[{'.repeat(2_000), b: `\\"${'['.repeat(2_000)}` }), false],
  ])('of a text: %s', (_, text, expected) => {
    expect(isNestedTooDeep(Buffer.from(text))).toBe(expected);
  });

  it('of a value, also of one that holds itself', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(isValueTooDeep(cycle)).toBe(true);
    expect(isValueTooDeep(JSON.parse(lists(nestingMax)))).toBe(false);
    expect(isValueTooDeep(JSON.parse(lists(nestingMax + 10)))).toBe(true);
    expect(isValueTooDeep('text')).toBe(false);
  });
});

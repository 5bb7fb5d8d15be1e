import { patternTotal, patternTotalMax } from './pattern-total.ts';

const schemaOf = (...patterns: string[]) => ({
  type: 'object',
  properties: Object.fromEntries(patterns.map((pattern, i) => [`f${i}`, { type: 'string', pattern }])),
});

describe('the patterns of a definition', () => {
  it('count once, wherever they stand, by what they repeat', () => {
    const one = patternTotal([schemaOf('a{1000}')]);
    expect(one).toBeGreaterThanOrEqual(1000);
    expect(patternTotal([schemaOf('a{1000}', 'a{1000}'), schemaOf('a{1000}')])).toBe(one);
    expect(patternTotal([{ type: 'array', items: { anyOf: [{ pattern: 'a{1000}' }] } }])).toBe(one);
    expect(patternTotal([schemaOf('a{1000}', 'b{1000}')])).toBe(2 * one);
  });

  it('may be as many as definitions have, and not tens of thousands', () => {
    const many = (count: number) => schemaOf(...Array.from({ length: count }, (_, i) => `^[a-z]{1,63}-${i}$`));
    expect(patternTotal([many(2000)])).toBeLessThan(patternTotalMax);
    expect(patternTotal([many(40_000)])).toBeGreaterThan(patternTotalMax);
  });
});

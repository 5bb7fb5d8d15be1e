import { percentOf, percentProblems, scaledValue } from './int-or-string.ts';

describe('scaledValue', () => {
  it.each([
    [3, 10, 'up', 3],
    ['25%', 10, 'up', 3],
    ['25%', 10, 'down', 2],
    ['0%', 10, 'up', 0],
    ['100%', 7, 'down', 7],
    ['150%', 4, 'down', 6],
    ['half', 10, 'up', undefined],
    ['25', 10, 'up', undefined],
  ] as const)('of %p with total %p rounded %s is %p', (value, total, round, expected) => {
    expect(scaledValue(value, total, round)).toBe(expected);
  });
});

describe('percentProblems', () => {
  it('speaks as upstream does', () => {
    expect(percentProblems('25%')).toEqual([]);
    expect(percentProblems('a%')).toEqual([
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ]);
    expect(percentOf('25%')).toBe(25);
    expect(percentOf(25)).toBeUndefined();
  });
});

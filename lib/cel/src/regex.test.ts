import fc from 'fast-check';
import { patternSize } from './pattern-size.ts';
import { findMatches, linearRegex, matchesAnywhere, patternProblem, patternSizeMax } from './regex.ts';

describe('the size of a pattern', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['a{1000}', 1000],
    ['a{2,30}', 30],
    ['a{5,}', 6],
    ['(ab){100}', 400],
    ['((a{10}){10}){10}', 1220],
    [String.raw`[a-z\]{9}]{3}`, 3],
    ['[[:alpha:]]{3}', 3],
    [String.raw`\p{Greek}{4}\d{4}`, 8],
    [String.raw`\{1000}`, 6],
    ['a{,5}', 5],
    ['x|y*', 4],
    ['((((', 0],
    ['))))', 8],
    ['[', 1],
  ])('of %s is %d', (pattern, size) => {
    expect(patternSize(pattern)).toBe(size);
  });

  it('is told of any text', () => {
    const part = fc.constantFrom('(', ')', '[', ']', '^', '\\', '{', '}', '1', '9', ',', 'a', '\\p{', '[:', ':]', '|');
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        expect(patternSize(parts.join(''))).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('patterns', () => {
  it('are not compiled when they are too large, however short', () => {
    expect(patternProblem('a{1000}'.repeat(patternSizeMax / 1000))).toBeUndefined();
    expect(patternProblem('a{1000}'.repeat(patternSizeMax / 1000 + 1))).toBe('expression too large');
    expect(() => matchesAnywhere('x'.repeat(patternSizeMax + 1), '')).toThrow('expression too large');
  });

  it('are not matched where text and pattern together are too much', () => {
    expect(matchesAnywhere('^a+$', 'a'.repeat(1_000_000))).toBe(true);
    expect(() => matchesAnywhere('(a?){1000}b', 'a'.repeat(1_000_000))).toThrow('text too long');
    expect(() => findMatches('(a?){1000}b', 'a'.repeat(1_000_000), 1)).toThrow('text too long');
  });

  it('are compiled once, as many as a definition may have', () => {
    const patterns = Array.from({ length: 3000 }, (_, i) => `^once${i}$`);
    const made = patterns.map(linearRegex);
    expect(patterns.every((pattern, i) => linearRegex(pattern) === made[i])).toBe(true);
  });

  it('make room for others when they were not used for longest', () => {
    const [first, second] = ['^first{2}$', '^second{2}$'];
    const before = [linearRegex(first), linearRegex(second)];
    for (let i = 0; i < 20; i++) {
      linearRegex(`${'a{1000}'.repeat(30)}${i}`);
      linearRegex(first);
    }
    expect(linearRegex(first)).toBe(before[0]);
    expect(linearRegex(second)).not.toBe(before[1]);
  });
});

import fc from 'fast-check';
import { SortedEntries } from './sorted-entries.ts';

describe('SortedEntries', () => {
  it('behaves like a sorted map', () => {
    const key = fc.integer({ min: 0, max: 3_000 }).map((n) => `k${String(n).padStart(4, '0')}`);
    const change = fc.record({ key, isDelete: fc.integer({ min: 0, max: 3 }).map((n) => n === 0) });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 500, maxLength: 2_500, size: 'max' }),
        key,
        key,
        (changes, from, to) => {
          const sorted = new SortedEntries<number>();
          const model = new Map<string, number>();
          changes.forEach(({ key: k, isDelete }, i) => {
            if (isDelete) {
              sorted.delete(k);
              model.delete(k);
            } else {
              sorted.set(k, i);
              model.set(k, i);
            }
          });
          const inRange = [...model].filter(([k]) => k >= from && k < to).sort(([a], [b]) => (a < b ? -1 : 1));
          expect([...sorted.entries(from, to)]).toEqual(inRange);
          expect(sorted.slice(from, to, 0)).toEqual(inRange.map(([, value]) => value));
          expect(sorted.slice(from, to, 7)).toEqual(inRange.slice(0, 7).map(([, value]) => value));
          expect(sorted.count(from, to)).toBe(inRange.length);
          expect(sorted.size).toBe(model.size);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('splits when names arrive in order', () => {
    const sorted = new SortedEntries<number>();
    const keys = Array.from({ length: 5_000 }, (_, i) => `k${String(i).padStart(5, '0')}`);
    keys.forEach((key, i) => void sorted.set(key, i));
    expect(sorted.slice('k', 'l', 0)).toEqual(keys.map((_, i) => i));
  });
});

import fc from 'fast-check';
import { checkIndexes, IndexSet } from './completion-indexes.ts';

const indexes = fc.uniqueArray(fc.nat(40));

describe('IndexSet', () => {
  it.each([
    [[], ''],
    [[3], '3'],
    [[1, 2], '1,2'],
    [[4, 2, 3, 9, 0], '0,2-4,9'],
  ])('%j is written %j', (members, text) => {
    expect(IndexSet.of(members).toString()).toBe(text);
    expect(IndexSet.parse(text, 100).size).toBe(members.length);
  });

  it('reads what is left of a status when the job has shrunk, and skips what makes no sense', () => {
    expect(IndexSet.parse('0-3,5-9,12', 7).toString()).toBe('0-3,5,6');
    expect(IndexSet.parse('0,x,2-,5-3,7', 10).toString()).toBe('0,7');
    expect(IndexSet.parse(undefined, 10).size).toBe(0);
  });

  it('behaves as a set', () => {
    fc.assert(
      fc.property(indexes, indexes, (a, b) => {
        const [left, right] = [IndexSet.of(a), IndexSet.of(b)];
        const both = new Set([...a, ...b]);
        const shared = a.filter((index) => b.includes(index)).sort((x, y) => x - y);
        expect(left.with(right).size).toBe(both.size);
        expect(left.without(right)).toEqual(IndexSet.of(a.filter((index) => !b.includes(index))));
        expect(left.without(right).toString()).toBe(IndexSet.of(a.filter((index) => !b.includes(index))).toString());
        expect(left.countShared(right)).toBe(shared.length);
        expect(left.firstShared(right)).toBe(shared[0]);
        expect([...left.absent(41)]).toEqual([...Array(41).keys()].filter((index) => !a.includes(index)));
        for (let index = 0; index <= 41; index++) expect(left.has(index)).toBe(a.includes(index));
        expect(IndexSet.parse(left.toString(), 41).toString()).toBe(left.toString());
      }),
    );
  });
});

describe('checkIndexes', () => {
  it.each([
    ['', 3, { total: 0 }],
    ['0,2-4', 5, { total: 4 }],
    ['0,5', 5, { problem: 'too large index: "5"' }],
    ['2,1', 5, { problem: 'non-increasing order, previous: 2, current: 1' }],
    ['2-2', 5, { problem: 'non-increasing order, previous: 2, current: 2' }],
    ['a', 5, { problem: 'cannot convert string to integer for index: "a"' }],
  ])('%s below %i', (text, completions, expected) => {
    expect(checkIndexes(text, completions)).toEqual(expected);
  });
});

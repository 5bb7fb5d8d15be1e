/**
 * Completion indexes of a Job as its status and its policies write them: `0,2-4,7`, ascending and without overlaps.
 * Two neighbours are written with a comma, three or more with a hyphen.
 */

interface Interval {
  readonly first: number;
  readonly last: number;
}

/** A set of indexes as intervals, so that thousands of them cost as much as the gaps between them. Immutable. */
export class IndexSet {
  /** Ascending, and never touching. */
  readonly #intervals: readonly Interval[];
  readonly size: number;

  constructor(intervals: readonly Interval[]) {
    this.#intervals = intervals;
    this.size = intervals.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  /** Reads what is written in a status: what makes no sense is left out, and so is all from `limit` on. */
  static parse(text: string | undefined, limit: number): IndexSet {
    const found: Interval[] = [];
    for (const part of text ? text.split(',') : []) {
      const [low = '', high = low, ...more] = part.split('-');
      if (more.length > 0 || !isIndex(low) || !isIndex(high)) continue;
      const first = Number(low);
      const last = Math.min(Number(high), limit - 1);
      if (first <= last) found.push({ first, last });
    }
    return new IndexSet(merged(found));
  }

  static of(indexes: Iterable<number>): IndexSet {
    return new IndexSet(merged(Array.from(indexes, (index) => ({ first: index, last: index }))));
  }

  has(index: number): boolean {
    let low = 0;
    let high = this.#intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#intervals[middle]?.last ?? 0) >= index) high = middle;
      else low = middle + 1;
    }
    const found = this.#intervals[low];
    return found !== undefined && found.first <= index;
  }

  with(other: IndexSet): IndexSet {
    if (other.size === 0) return this;
    return new IndexSet(merged([...this.#intervals, ...other.#intervals]));
  }

  without(other: IndexSet): IndexSet {
    if (this.firstShared(other) === undefined) return this;
    const rest: Interval[] = [];
    for (const { first, last } of this.#intervals) {
      let start = first;
      for (const shared of new IndexSet([{ first, last }]).#overlaps(other)) {
        if (shared.first > start) rest.push({ first: start, last: shared.first - 1 });
        start = shared.last + 1;
      }
      if (start <= last) rest.push({ first: start, last });
    }
    return new IndexSet(rest);
  }

  /** The lowest index that both have. */
  firstShared(other: IndexSet): number | undefined {
    return this.#overlaps(other).next().value?.first;
  }

  countShared(other: IndexSet): number {
    let count = 0;
    for (const { first, last } of this.#overlaps(other)) count += last - first + 1;
    return count;
  }

  /** Indexes below `limit` that are not in the set, ascending. */
  *absent(limit: number): Generator<number> {
    let next = 0;
    for (const { first, last } of this.#intervals) {
      for (; next < first && next < limit; next++) yield next;
      next = Math.max(next, last + 1);
    }
    for (; next < limit; next++) yield next;
  }

  toString(): string {
    return this.#intervals
      .map(({ first, last }) => {
        if (first === last) return String(first);
        return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
      })
      .join(',');
  }

  *#overlaps(other: IndexSet): Generator<Interval> {
    let own = 0;
    let others = 0;
    for (;;) {
      const a = this.#intervals[own];
      const b = other.#intervals[others];
      if (!a || !b) return;
      const first = Math.max(a.first, b.first);
      const last = Math.min(a.last, b.last);
      if (first <= last) yield { first, last };
      if (a.last <= b.last) own++;
      else others++;
    }
  }
}

function merged(intervals: Interval[]): readonly Interval[] {
  const sorted = intervals.sort((a, b) => a.first - b.first);
  const result: { first: number; last: number }[] = [];
  for (const { first, last } of sorted) {
    const previous = result.at(-1);
    if (previous && first <= previous.last + 1) previous.last = Math.max(previous.last, last);
    else result.push({ first, last });
  }
  return result;
}

function isIndex(text: string): boolean {
  return /^\d{1,9}$/.test(text);
}

/** Checks what a client wrote. Answers how many indexes there are, or what is wrong, in upstream's words. */
export function checkIndexes(
  text: string,
  completions: number,
): { readonly total: number; readonly problem?: undefined } | { readonly problem: string } {
  let total = 0;
  let previous = -1;
  for (const interval of text === '' ? [] : text.split(',')) {
    const limits = interval.split('-');
    if (limits.length > 2) {
      return {
        problem: `the fragment "${interval}" violates the requirement that an index interval can have at most two parts separated by '-'`,
      };
    }
    const [low = '', high = low] = limits;
    for (const limit of [low, high]) {
      if (!isIndex(limit)) return { problem: `cannot convert string to integer for index: "${limit}"` };
      if (Number(limit) >= completions) return { problem: `too large index: "${limit}"` };
    }
    const first = Number(low);
    const last = Number(high);
    if (first <= previous) {
      return { problem: `non-increasing order, previous: ${previous}, current: ${first}` };
    }
    if (limits.length === 2 && last <= first) {
      return { problem: `non-increasing order, previous: ${first}, current: ${last}` };
    }
    previous = last;
    total += last - first + 1;
  }
  return { total };
}

/** Regular expressions in RE2's syntax, matched in linear time whatever the pattern and the text. */
import { RE2JS } from 're2js';
import { patternSize } from './pattern-size.ts';
import { CelError } from './values.ts';

/** Of one pattern, in units of `patternSize`: about a tenth of a second of compiling. Upstream's bound is thirty times as high. */
export const patternSizeMax = 50_000;
/** Of all patterns that are kept compiled; those that were not used for longest make room. */
const keptSizeMax = 400_000;
const keptPartAfterSweep = 0.75;
/** Characters times units of the pattern: about a tenth of a second of matching. */
const matchWorkMax = 100_000_000;
const compiled = new Map<string, Kept>();
let keptSize = 0;
/** Counts the uses of all patterns: the one with the lowest number was not used for longest. */
let uses = 0;

interface Kept {
  readonly regex: RE2JS;
  readonly size: number;
  usedAt: number;
}

/** Throws CelError for a pattern that RE2 would not take, and for one that is too much work. */
export function linearRegex(pattern: string): RE2JS {
  return keptFor(pattern).regex;
}

function keptFor(pattern: string): Kept {
  const known = compiled.get(pattern);
  if (known) {
    known.usedAt = ++uses;
    return known;
  }
  const size = patternSize(pattern);
  if (size > patternSizeMax) throw new CelError('expression too large');
  const kept = { regex: compile(pattern), size, usedAt: ++uses };
  keep(pattern, kept);
  return kept;
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw new CelError(error instanceof Error ? error.message : String(error));
  }
}

function keep(pattern: string, kept: Kept): void {
  compiled.set(pattern, kept);
  keptSize += kept.size;
  if (keptSize <= keptSizeMax) return;
  // More than needs to go, so that the next one does not sort again.
  const oldestFirst = [...compiled].sort(([, one], [, other]) => one.usedAt - other.usedAt);
  for (const [oldest, { size: freed }] of oldestFirst) {
    if (keptSize <= keptSizeMax * keptPartAfterSweep) return;
    compiled.delete(oldest);
    keptSize -= freed;
  }
}

/** Undefined when it is a pattern; else why it is none. */
export function patternProblem(pattern: string): string | undefined {
  try {
    linearRegex(pattern);
    return undefined;
  } catch (error) {
    return error instanceof CelError ? error.message : String(error);
  }
}

/** Throws CelError as `linearRegex` does, and where text and pattern together are too much work. */
export function matchesAnywhere(pattern: string, text: string): boolean {
  return regexFor(pattern, text).test(text);
}

/** Linear in the text still means that each character may touch the whole program. */
function regexFor(pattern: string, text: string): RE2JS {
  const { regex, size } = keptFor(pattern);
  if (size * text.length > matchWorkMax) throw new CelError('text too long for an expression of this size');
  return regex;
}

/** The matches of the pattern in the text, at most `limit`. */
export function findMatches(pattern: string, text: string, limit: number): string[] {
  const matcher = regexFor(pattern, text).matcher(text);
  const found: string[] = [];
  while (found.length < limit && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

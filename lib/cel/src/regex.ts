/** Regular expressions in RE2's syntax, matched in linear time whatever the pattern and the text. */
import { RE2JS } from 're2js';
import { patternSize } from './pattern-size.ts';
import { CelError } from './values.ts';

/** Of one pattern, in units of `patternSize`: about a tenth of a second of compiling. Upstream's bound is thirty times as high. */
export const patternSizeMax = 50_000;
/** Of all patterns that are kept compiled; those that were not used for longest make room. */
const keptSizeMax = 400_000;
/** Characters times units of the pattern: about a tenth of a second of matching. */
const matchWorkMax = 100_000_000;
const compiled = new Map<string, { readonly regex: RE2JS; readonly size: number }>();
let keptSize = 0;

/** Throws CelError for a pattern that RE2 would not take, and for one that is too much work. */
export function linearRegex(pattern: string): RE2JS {
  const known = compiled.get(pattern);
  if (known) {
    compiled.delete(pattern);
    compiled.set(pattern, known);
    return known.regex;
  }
  const size = patternSize(pattern);
  if (size > patternSizeMax) throw new CelError('expression too large');
  const regex = compile(pattern);
  keep(pattern, regex, size);
  return regex;
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw new CelError(error instanceof Error ? error.message : String(error));
  }
}

function keep(pattern: string, regex: RE2JS, size: number): void {
  compiled.set(pattern, { regex, size });
  keptSize += size;
  for (const [oldest, { size: freed }] of compiled) {
    if (keptSize <= keptSizeMax) return;
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
  const regex = linearRegex(pattern);
  const size = compiled.get(pattern)?.size ?? 0;
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

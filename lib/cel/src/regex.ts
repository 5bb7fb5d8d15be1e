/** Regular expressions in RE2's syntax, matched in linear time whatever the pattern and the text. */
import { RE2JS } from 're2js';
import { CelError } from './values.ts';

/** Patterns come from rules, which are few. Past the bound the memory is emptied, which costs only time. */
const patternsMax = 1000;
const compiled = new Map<string, RE2JS>();

/** Throws CelError for a pattern that RE2 would not take. */
export function linearRegex(pattern: string): RE2JS {
  const known = compiled.get(pattern);
  if (known) return known;
  if (compiled.size >= patternsMax) compiled.clear();
  try {
    const made = RE2JS.compile(pattern);
    compiled.set(pattern, made);
    return made;
  } catch (error) {
    throw new CelError(error instanceof Error ? error.message : String(error));
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

export function matchesAnywhere(pattern: string, text: string): boolean {
  return linearRegex(pattern).test(text);
}

/** The matches of the pattern in the text, at most `limit`. */
export function findMatches(pattern: string, text: string, limit: number): string[] {
  const matcher = linearRegex(pattern).matcher(text);
  const found: string[] = [];
  while (found.length < limit && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

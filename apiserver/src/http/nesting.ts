/**
 * How deep a body is nested. What follows on parsing (decoding, merging, comparing) goes down the levels by recursion, so a body that is a
 * megabyte of brackets is refused before it reaches that. Upstream's bound is 10,000; no object that anybody means has a hundredth.
 */
export const nestingMax = 1_000;

/** Of a text in JSON: brackets in strings do not count. One pass over the bytes, none over bodies too short to be that deep. */
export function isNestedTooDeep(bytes: Uint8Array): boolean {
  if (bytes.length <= nestingMax) return false;
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isInString) {
      if (byte === backslash) at++;
      else if (byte === quote) isInString = false;
    } else if (byte === quote) isInString = true;
    else if (byte === openBrace || byte === openBracket) {
      if (++depth > nestingMax) return true;
    } else if (byte === closeBrace || byte === closeBracket) depth--;
  }
  return false;
}

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\{}[]');

/** Of a parsed value, which may refer to itself (YAML can say so). */
export function isValueTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > nestingMax) return true;
    const next = new Set<unknown>();
    for (const parent of level) {
      if (typeof parent !== 'object' || parent === null) continue;
      for (const child of Object.values(parent)) if (typeof child === 'object' && child !== null) next.add(child);
    }
    level = [...next];
  }
  return false;
}

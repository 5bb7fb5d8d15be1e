// Finds fields that a JSON text names twice. JSON.parse keeps the last and says nothing, so the text itself has to be read; this runs only
// when a request asked for strict validation or for warnings.
//
// The scanner assumes valid JSON (parse first) and keeps one frame per open object or list; it never recurses.

import { fieldPath } from './decode-context.ts';

/** As upstream, more than this is not reported. */
const duplicatesMax = 100;

interface Frame {
  /** The names seen so far; undefined for a list. Objects are small, and an array of a few names is faster than a set. */
  readonly names: string[] | undefined;
  /** Takes over from `names` when there are many, as in large config maps, so that time stays linear. */
  manyNames: Set<string> | undefined;
  segment: string | number;
}

const manyNames = 16;

/** `duplicate field "spec.x"` for each repetition, in the order of the text. */
export function duplicateFields(json: string): string[] {
  const found: string[] = [];
  const frames: Frame[] = [];
  let frame: Frame | undefined;
  let expectsName = false;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case quote: {
        const end = endOfString(json, at);
        if (expectsName && frame?.names) {
          if (isRepeated(frame, nameBetween(json, at, end)) && found.length < duplicatesMax) {
            found.push(`duplicate field "${pathOf(frames)}"`);
          }
          expectsName = false;
        }
        at = end;
        break;
      }
      case openBrace:
        frame = { names: [], manyNames: undefined, segment: '' };
        frames.push(frame);
        expectsName = true;
        break;
      case openBracket:
        frame = { names: undefined, manyNames: undefined, segment: 0 };
        frames.push(frame);
        expectsName = false;
        break;
      case closeBrace:
      case closeBracket:
        frames.pop();
        frame = frames[frames.length - 1];
        expectsName = false;
        break;
      case comma:
        if (typeof frame?.segment === 'number') frame.segment++;
        else expectsName = true;
        break;
    }
  }
  return found;
}

/** Enters the name, and says whether it was there. */
function isRepeated(frame: Frame, name: string): boolean {
  const { names = [] } = frame;
  frame.segment = name;
  if (frame.manyNames) {
    const known = frame.manyNames.has(name);
    frame.manyNames.add(name);
    return known;
  }
  const known = names.includes(name);
  names.push(name);
  if (names.length > manyNames) frame.manyNames = new Set(names);
  return known;
}

function nameBetween(json: string, start: number, end: number): string {
  const raw = json.slice(start + 1, end);
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
}

function pathOf(frames: readonly Frame[]): string {
  return fieldPath(frames.map(({ segment }) => segment));
}

/** The quote that ends the string starting at `start`: the first one that an even number of backslashes stands before. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(end - 1 - backslashes) === backslash) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return json.length;
}

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

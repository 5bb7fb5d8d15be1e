// Finds fields that a JSON text names twice. JSON.parse keeps the last and says nothing, so the text itself has to be read; this runs only
// when a request asked for strict validation or for warnings.
//
// The scanner assumes valid JSON (parse first) and keeps one frame per open object or list; it never recurses.

import { fieldPath } from './decode-context.ts';

/** As upstream, more than this is not reported. */
const duplicatesMax = 100;

interface Frame {
  /** The names seen so far; undefined for a list. */
  readonly names: Set<string> | undefined;
  segment: string | number;
}

/** `duplicate field "spec.x"` for each repetition, in the order of the text. */
export function duplicateFields(json: string): string[] {
  const found: string[] = [];
  const frames: Frame[] = [];
  let expectsName = false;
  for (let at = 0; at < json.length; at++) {
    const frame = frames.at(-1);
    switch (json.charCodeAt(at)) {
      case quote: {
        const end = endOfString(json, at);
        if (expectsName && frame?.names) {
          frame.segment = JSON.parse(json.slice(at, end + 1)) as string;
          if (frame.names.has(frame.segment) && found.length < duplicatesMax)
            found.push(`duplicate field "${pathOf(frames)}"`);
          frame.names.add(frame.segment);
          expectsName = false;
        }
        at = end;
        break;
      }
      case openBrace:
        frames.push({ names: new Set(), segment: '' });
        expectsName = true;
        break;
      case openBracket:
        frames.push({ names: undefined, segment: 0 });
        expectsName = false;
        break;
      case closeBrace:
      case closeBracket:
        frames.pop();
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

function pathOf(frames: readonly Frame[]): string {
  return fieldPath(frames.map(({ segment }) => segment));
}

function endOfString(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === backslash) at++;
    else if (code === quote) return at;
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

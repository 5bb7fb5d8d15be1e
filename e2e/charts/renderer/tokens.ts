/** Text of a template cut into plain text and actions, and actions into words: the lexical part of Go's text/template. */
import { TemplateError } from './template-error.ts';

export interface Place {
  readonly file: string;
  readonly line: number;
}

export type Word =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'name'; readonly value: string }
  /** `$`, `$name`. */
  | { readonly type: 'variable'; readonly value: string }
  /** `.`, alone: the current value. */
  | { readonly type: 'dot' }
  /** `.a`, which continues what stands before it when there is no space between. */
  | { readonly type: 'field'; readonly value: string; readonly isJoined: boolean }
  | { readonly type: '(' | ')' | '|' | ':=' | '=' | ',' };

export type Segment =
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'action'; readonly words: readonly Word[]; readonly place: Place };

/** Throws `TemplateError`. */
export function segmentsOf(source: string, file: string): readonly Segment[] {
  const segments: Segment[] = [];
  let at = 0;
  let trimsNext = false;
  while (at < source.length) {
    const open = source.indexOf('{{', at);
    let text = source.slice(at, open === -1 ? undefined : open);
    if (trimsNext) text = text.trimStart();
    const trims = open !== -1 && /^\{\{-\s/.test(source.slice(open, open + 4));
    if (trims) text = text.trimEnd();
    if (text !== '') segments.push({ type: 'text', value: text });
    if (open === -1) break;
    const place = { file, line: source.slice(0, open).split('\n').length };
    const read = readAction(source, open + (trims ? 3 : 2), place);
    if (read.words.length > 0) segments.push({ type: 'action', words: read.words, place });
    trimsNext = read.trims;
    at = read.end;
  }
  return segments;
}

const patterns: readonly (readonly [RegExp, (text: string, isJoined: boolean) => Word])[] = [
  [/^"(?:[^"\\\n]|\\.)*"/, (text) => ({ type: 'string', value: JSON.parse(text) as string })],
  [/^`[^`]*`/, (text) => ({ type: 'string', value: text.slice(1, -1) })],
  [/^-?\d+(?![\w.])/, (text) => ({ type: 'int', value: BigInt(text) })],
  [/^\$\w*/, (text) => ({ type: 'variable', value: text.slice(1) })],
  [/^\.[A-Za-z_]\w*/, (text, isJoined) => ({ type: 'field', value: text.slice(1), isJoined })],
  [/^\.(?![\w.])/, () => ({ type: 'dot' })],
  [/^[A-Za-z_]\w*/, (text) => ({ type: 'name', value: text })],
  [/^(?::=|[()|=,])/, (text) => ({ type: text as ':=' })],
];

function readAction(source: string, from: number, place: Place): { words: Word[]; trims: boolean; end: number } {
  const comment = /^\s*\/\*[\s\S]*?\*\/\s*(-?)\}\}/.exec(source.slice(from));
  if (comment) return { words: [], trims: comment[1] === '-', end: from + comment[0].length };
  const words: Word[] = [];
  let at = from;
  for (;;) {
    const space = /^\s*/.exec(source.slice(at))?.[0].length ?? 0;
    const rest = source.slice(at + space);
    if (space > 0 && rest.startsWith('-}}')) return { words, trims: true, end: at + space + 3 };
    if (rest.startsWith('}}')) return { words, trims: false, end: at + space + 2 };
    const found = patterns.map(([pattern, make]) => ({ text: pattern.exec(rest)?.[0], make })).find(({ text }) => text);
    if (!found?.text) {
      throw new TemplateError(`${place.file}:${place.line}: cannot read ${JSON.stringify(rest.slice(0, 20))}`);
    }
    words.push(found.make(found.text, space === 0));
    at += space + found.text.length;
  }
}

/**
 * What the language has and the library's parser has not: optional elements (`[?x]`), optional entries (`{?k: v}`), names in backticks
 * (`self.` + "`a-b`") and messages (`Object{replicas: 3}`). They are masked before parsing by something of the same length that the parser takes,
 * and put back into the tree by their offsets, so that every place in the text stays where it is.
 */
import type { SyntaxNode } from './syntax.ts';

export interface Masked {
  /** As long as the text, and free of what the parser does not know. */
  readonly text: string;
  /** Offsets of `?`, masked by `!`, which binds to whatever the element begins with. */
  readonly optionals: ReadonlySet<number>;
  /** Offset of the name → the name without its backticks, masked by a plain one. */
  readonly quotedNames: ReadonlyMap<number, string>;
  /** Offset of `{` → the name before it, masked by blanks. */
  readonly messages: ReadonlyMap<number, string>;
}

/** The element or key of a list, map or message that stands behind a `?`. */
export const optionalOp = '?';
export const messageOp = 'message';

/** A string (raw, triple-quoted), a comment, a name in backticks, a name with dots, blanks, or any one character. */
const token =
  /[rRbB]{0,2}(?:"""[\s\S]*?"""|'''[\s\S]*?''')|[rR][bB]?(?:"[^"\n]*"|'[^'\n]*')|[bB]?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\/\/[^\n]*|`[A-Za-z0-9_.\-/ ]+`|[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*|\s+|[\s\S]/y;

const name = /^[A-Za-z_]\w*(?:\s*\.\s*\w+)*$/;
const blank = /^(?:\s+|\/\/.*)$/;
/** What may stand before the `[` of an index; before that of a list it may not. */
const endOfOperand = /[\w"'`)\]}]$/;

type Bracket = 'list' | 'map' | 'message' | 'other';

interface State {
  readonly optionals: Set<number>;
  readonly quotedNames: Map<number, string>;
  readonly messages: Map<number, string>;
  readonly parts: string[];
  readonly open: Bracket[];
  offset: number;
  /** The last token that is not blank, and where it is among the parts. */
  last: string;
  lastIndex: number;
}

/** Undefined when there is nothing to mask, as in most expressions. */
export function masked(text: string): Masked | undefined {
  if (!/[?`{]/.test(text)) return undefined;
  const state: State = {
    optionals: new Set(),
    quotedNames: new Map(),
    messages: new Map(),
    parts: [],
    open: [],
    offset: 0,
    last: '',
    lastIndex: -1,
  };
  token.lastIndex = 0;
  for (let match = token.exec(text); match && match[0] !== ''; match = token.exec(text)) {
    const [part] = match;
    state.parts.push(maskedToken(part, state));
    state.offset += part.length;
    if (blank.test(part)) continue;
    state.last = part;
    state.lastIndex = state.parts.length - 1;
  }
  const { optionals, quotedNames, messages, parts } = state;
  if (optionals.size + quotedNames.size + messages.size === 0) return undefined;
  return { text: parts.join(''), optionals, quotedNames, messages };
}

function maskedToken(part: string, state: State): string {
  const { open, last, offset } = state;
  switch (part) {
    case '{':
      open.push(openedBrace(state));
      return part;
    case '[':
      open.push(endOfOperand.test(last) && last !== 'in' ? 'other' : 'list');
      return part;
    case '(':
      open.push('other');
      return part;
    case '}':
    case ']':
    case ')':
      open.pop();
      return part;
    case '?': {
      const isFirst = last === '{' || last === '[' || last === ',';
      if (!isFirst || (open.at(-1) ?? 'other') === 'other') return part;
      state.optionals.add(offset);
      return '!';
    }
  }
  if (!part.startsWith('`') || part.length < 3 || !mayBeQuoted(state)) return part;
  state.quotedNames.set(offset, part.slice(1, -1));
  return part.replaceAll(/\W/g, '_');
}

/** Names in backticks are those of fields: behind a dot, or in a message. */
function mayBeQuoted({ last, open }: State): boolean {
  return last === '.' || last === '?' || (open.at(-1) === 'message' && (last === '{' || last === ','));
}

/** A name before a brace makes it a message; the name goes. */
function openedBrace({ last, lastIndex, parts, messages, offset }: State): Bracket {
  if (!name.test(last) || last === 'in') return 'map';
  messages.set(offset, last.replaceAll(/\s/g, ''));
  parts[lastIndex] = ' '.repeat(last.length);
  return 'message';
}

/** Puts back what was masked. */
export function unmasked(node: SyntaxNode, mask: Masked): SyntaxNode {
  const { op, pos } = node;
  const inner = (each: unknown): SyntaxNode => unmasked(each as SyntaxNode, mask);
  const args = withInner(node.args, inner);
  switch (op) {
    case 'list':
      return { op, pos, args: (args as SyntaxNode[]).map((item) => optionalElement(item, mask)) };
    case 'map': {
      const entries = (args as [SyntaxNode, SyntaxNode][]).map(
        ([key, value]) => [optionalElement(key, mask), value] as const,
      );
      const message = mask.messages.get(pos);
      if (message === undefined) return { op, pos, args: entries };
      return { op: messageOp, pos, args: [message, entries.map(([key, value]) => [fieldKey(key, mask), value])] };
    }
    case '.':
    case '.?': {
      const [operand, field] = args as [SyntaxNode, unknown];
      const quoted = mask.quotedNames.get(pos);
      return { op, pos, args: quoted === undefined ? [operand, field] : [operand, quoted, true] };
    }
    default:
      return { op, pos, args };
  }
}

function withInner(args: unknown, inner: (node: unknown) => SyntaxNode): unknown {
  if (Array.isArray(args)) return args.map((each: unknown) => withInner(each, inner));
  return isNode(args) ? inner(args) : args;
}

function isNode(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'op' in value && 'pos' in value;
}

/** Keys of messages are bare names. */
function fieldKey(key: SyntaxNode, mask: Masked): SyntaxNode {
  if (key.op === optionalOp) return { ...key, args: fieldKey(key.args as SyntaxNode, mask) };
  const quoted = key.op === 'id' ? mask.quotedNames.get(key.pos) : undefined;
  return quoted === undefined ? key : { ...key, args: quoted };
}

function optionalElement(element: SyntaxNode, { optionals }: Masked): SyntaxNode {
  if (optionals.size === 0) return element;
  const stripped = withoutMark(element, optionals);
  return stripped ? { op: optionalOp, pos: element.pos, args: stripped } : element;
}

/** The mark is a `!` before the first operand of the element: it is on the way down the left side of the tree. */
function withoutMark(node: SyntaxNode, optionals: ReadonlySet<number>): SyntaxNode | undefined {
  if (node.op === '!_' && optionals.has(node.pos)) return node.args as SyntaxNode;
  if (!Array.isArray(node.args) || node.op === 'list' || node.op === 'map' || node.op === 'call') return undefined;
  const at = node.op === 'rcall' ? 1 : 0;
  const left: unknown = node.args[at];
  if (!isNode(left)) return undefined;
  const stripped = withoutMark(left as SyntaxNode, optionals);
  return stripped && { ...node, args: node.args.with(at, stripped) };
}

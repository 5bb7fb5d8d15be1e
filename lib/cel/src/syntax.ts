/** From text to a tree. The parsing is the library's; what it answers is given types here, and its errors upstream's form. */
import { Environment, ParseError } from '@marcbachmann/cel-js';
import { masked, unmasked } from './syntax-extensions.ts';

/** The text is no expression, or no well-typed one. The message has upstream's form, with the place in the text. */
export class CelCompileError extends Error {
  override readonly name = 'CelCompileError';
}

/** A node as the parser makes it; `args` depends on `op`. */
export interface SyntaxNode {
  readonly op: string;
  readonly args: unknown;
  /** The offset that upstream's messages point at. */
  readonly pos: number;
}

/** Upstream's limit on the text of an expression is the size of the object around it; nothing sensible comes near this. */
export const expressionCharactersMax = 64 * 1024;

const parser = new Environment({
  enableOptionalTypes: true,
  unlistedVariablesAreDyn: true,
  limits: { maxAstNodes: 20_000, maxDepth: 200, maxListElements: 2_000, maxMapEntries: 2_000, maxCallArguments: 32 },
});

/** Throws CelCompileError. */
export function parseExpression(text: string): SyntaxNode {
  if (text.length > expressionCharactersMax) {
    throw new CelCompileError(
      `expression code point size exceeds limit: size: ${text.length}, limit ${expressionCharactersMax}`,
    );
  }
  const mask = masked(text);
  try {
    const tree = parser.parse(mask?.text ?? text).ast as unknown as SyntaxNode;
    return mask ? unmasked(tree, mask) : tree;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const [reason = ''] = error.message.split('\n', 1);
    const { range } = error as { range?: { start: number } };
    throw new CelCompileError(located(text, range?.start ?? 0, `Syntax error: ${reason}`));
  }
}

/** `ERROR: <input>:1:6: MESSAGE`, the line, and a mark below the place. */
export function located(text: string, offset: number, message: string): string {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  const column = offset - (before.lastIndexOf('\n') + 1);
  const source = text.split('\n')[line - 1] ?? '';
  return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${source}\n | ${'.'.repeat(column)}^`;
}

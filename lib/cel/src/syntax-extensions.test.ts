import fc from 'fast-check';
import { int, mapOf, string } from './cel-type.ts';
import { compileExpression } from './compile.ts';
import { CelCompileError } from './syntax.ts';
import { masked } from './syntax-extensions.ts';

const pieces = fc.constantFrom(
  ...['[', ']', '{', '}', '(', ')', '?', ':', ',', '.', '.?', '!', '-', '+', '||', ' in ', ' ', '`a-b`', '`', 'm'],
  ...['Object', 'Object.a', 'x', '1', '"?[{"', "r'{?'", '// ?\n', 'optional.of(1)', 'has(', 'm["a"]', 'true', '=='],
);
const texts = fc.array(pieces, { maxLength: 14 }).map((parts) => parts.join(''));

describe('masking', () => {
  it('keeps the length of every text, and the place of whatever it does not touch', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const mask = masked(text);
        if (!mask) return;
        expect(mask.text).toHaveLength(text.length);
        for (const offset of mask.optionals) expect([text[offset], mask.text[offset]]).toEqual(['?', '!']);
        for (const offset of mask.messages.keys()) expect(mask.text[offset]).toBe('{');
      }),
    );
  });

  it('leads to an expression or to a refusal, whatever the text', () => {
    const messages = (name: string) => (name === 'Object' ? { name, field: () => int } : undefined);
    fc.assert(
      fc.property(texts, (text) => {
        try {
          compileExpression(text, { variables: { m: mapOf(string, int), x: int }, messages });
        } catch (error) {
          expect(error).toBeInstanceOf(CelCompileError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('leaves conditions and indexes alone', () => {
    for (const text of ['x > 1 ? [1] : [2]', 'm[?"a"]', 'm.?a', '{"a": x ? 1 : 2}', '"{?" + r"[?"']) {
      expect(masked(text)).toBeUndefined();
    }
  });
});

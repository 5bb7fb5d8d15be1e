import { isScalar, Lexer, LineCounter, parseDocument, visit } from 'yaml';

/** Reading YAML takes milliseconds per kilobyte, and nobody else is served meanwhile. JSON has a bound of its own, and is thirty times as fast. */
export const yamlBytesMax = 128 * 1024;

/**
 * What takes the time are not the bytes but the tokens, at some microseconds each: so many are a tenth of a second. A manifest of the size above has
 * fewer; what has more is made to keep the server busy.
 */
const tokensMax = 40_000;

/** There is too much of it to be read while others wait. */
export class YamlLimitError extends Error {
  override readonly name = 'YamlLimitError';
}

/** Aliases may stand for at most so many nodes each: a small text must not become a huge object. */
const aliasesMax = 100;

/** Throws YamlLimitError, and an error of one line for what is no YAML, for several documents, and for a key that a map has twice. */
export function parseYaml(text: string): unknown {
  refuseManyTokens(text);
  const lineCounter = new LineCounter();
  // The library compares each key with every other one, which takes minutes for what is read here in no time.
  // And it would work out for each of a thousand errors where it is; one is shown.
  const options = { version: '1.1', logLevel: 'error', uniqueKeys: false, prettyErrors: false, lineCounter } as const;
  const document = parseDocument(text, options);
  const [problem] = document.errors;
  if (problem) {
    const { line, col } = lineCounter.linePos(problem.pos[0]);
    throw new Error(`${problem.message} at line ${line}, column ${col}`);
  }
  visit(document, {
    Map: (_, map) => {
      const keys = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (keys.has(key.value) && key.value !== mergeKey) {
          const { line } = lineCounter.linePos(key.range?.[0] ?? 0);
          throw new Error(`unmarshal errors: line ${line}: key ${JSON.stringify(key.value)} already set in map`);
        }
        keys.add(key.value);
      }
    },
  });
  return document.toJS({ maxAliasCount: aliasesMax });
}

function refuseManyTokens(text: string): void {
  let tokens = 0;
  for (const _ of new Lexer().lex(text)) {
    if (++tokens > tokensMax) throw new YamlLimitError(`limit is ${tokensMax} tokens of YAML; send JSON`);
  }
}

/** Several may stand in one map. */
const mergeKey = '<<';

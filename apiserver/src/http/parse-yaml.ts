import { isScalar, LineCounter, parseDocument, visit } from 'yaml';

/** Reading YAML takes milliseconds per kilobyte, and nobody else is served meanwhile. JSON has a bound of its own, and is thirty times as fast. */
export const yamlBytesMax = 128 * 1024;

/** Aliases may stand for at most so many nodes each: a small text must not become a huge object. */
const aliasesMax = 100;

/** Throws an error of one line for what is no YAML, for several documents, and for a key that a map has twice. */
export function parseYaml(text: string): unknown {
  const lineCounter = new LineCounter();
  // The library compares each key with every other one, which takes minutes for what is read here in no time.
  const document = parseDocument(text, { version: '1.1', logLevel: 'error', uniqueKeys: false, lineCounter });
  const [problem] = document.errors;
  if (problem) throw problem;
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

/** Several may stand in one map. */
const mergeKey = '<<';

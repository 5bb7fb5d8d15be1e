import { patternSize } from '@slipway/cel/pattern-size';
import type { JsonSchema } from './json-schema.ts';

/** Half of what is kept compiled, so that objects of one definition never make each other's patterns be compiled anew. */
export const patternTotalMax = 200_000;

/** What compiling a pattern costs before its first instruction. */
const patternBase = 10;

/** The size of all patterns of the schemas, the same pattern once, wherever in a schema it stands. */
export function patternTotal(schemas: readonly JsonSchema[]): number {
  const patterns = new Set<string>();
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    for (const [field, value] of Object.entries(part)) {
      if (field === 'pattern' && typeof value === 'string') patterns.add(value);
      else visit(value);
    }
  };
  for (const schema of schemas) visit(schema);
  let total = 0;
  for (const pattern of patterns) total += patternBase + patternSize(pattern);
  return total;
}

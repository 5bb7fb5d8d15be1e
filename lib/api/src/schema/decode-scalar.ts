// Reads leaves as Go's decoder would: the same values are refused, with the same texts, and times and quantities come out as strings.

import { canonicalQuantity, QuantityError } from '../quantity.ts';
import { type DecodeContext, DecodeFailure, goTypeName, jsonTypeName } from './decode-context.ts';
import type { ScalarSchema } from './structural-schema.ts';
import { normaliseTime } from './time-format.ts';

/** Returns the value itself where nothing has to change. */
export function decodeScalar(schema: ScalarSchema, value: unknown, context: DecodeContext): unknown {
  switch (schema.type) {
    case 'string':
    case 'boolean':
      return typeof value === schema.type ? value : context.mismatch(jsonTypeName(value), goTypeName(schema));
    case 'int32':
      return decodeInteger(value, 0x8000_0000, 'int32', context);
    case 'int64':
      return decodeInteger(value, 2 ** 63, 'int64', context);
    case 'double':
      return typeof value === 'number' ? value : context.mismatch(jsonTypeName(value), 'float64');
    case 'bytes':
      return typeof value === 'string' ? decodeBytes(value) : context.mismatch(jsonTypeName(value), '[]uint8');
    case 'time':
    case 'microTime':
      return typeof value === 'string'
        ? decodeTime(value, schema.type)
        : context.mismatch(jsonTypeName(value), 'string');
    case 'quantity':
      return decodeQuantity(value);
    case 'intOrString':
      return typeof value === 'string' ? value : decodeInteger(value, 0x8000_0000, 'int32', context);
  }
}

/** What Go leaves where a list or a map has a null. */
export function zeroValue(schema: ScalarSchema): unknown {
  switch (schema.type) {
    case 'string':
    case 'bytes':
      return '';
    case 'boolean':
      return false;
    case 'quantity':
      return '0';
    case 'time':
    case 'microTime':
      return null;
    default:
      return 0;
  }
}

function decodeInteger(value: unknown, limit: number, goType: string, context: DecodeContext): number {
  if (typeof value !== 'number') return context.mismatch(jsonTypeName(value), goType);
  if (!Number.isInteger(value) || value >= limit || value < -limit) return context.mismatch(`number ${value}`, goType);
  return value;
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

function decodeBytes(text: string): string {
  // Go skips line ends inside base64, and writes none.
  const compact = text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, '') : text;
  if (compact.length % 4 === 0 && base64.test(compact)) return compact;
  const offender = compact.search(/[^A-Za-z0-9+/]/);
  throw new DecodeFailure(`illegal base64 data at input byte ${offender === -1 ? compact.length & ~3 : offender}`);
}

function decodeTime(text: string, type: 'time' | 'microTime'): string {
  const result = normaliseTime(text, type === 'time' ? 'seconds' : 'microseconds');
  if ('problem' in result) throw new DecodeFailure(result.problem);
  return result.time;
}

/** The same few amounts come with every object. A full memo is emptied rather than searched for what to drop. */
const memoLimit = 2048;
const canonicalTexts = new Map<string, string>();

/** Quantities are kept in their canonical form, as upstream keeps numbers and writes them anew: `1000m` comes back as `1`. */
function decodeQuantity(value: unknown): string {
  const text = typeof value === 'string' ? value.trim() : String(value);
  const known = canonicalTexts.get(text);
  if (known !== undefined) return known;
  const canonical = canonicalOrFail(text);
  if (canonicalTexts.size >= memoLimit) canonicalTexts.clear();
  canonicalTexts.set(text, canonical);
  return canonical;
}

function canonicalOrFail(text: string): string {
  try {
    return canonicalQuantity(text);
  } catch (error) {
    if (error instanceof QuantityError) throw new DecodeFailure(error.message);
    throw error;
  }
}

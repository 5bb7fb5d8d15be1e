import type { CelType } from './cel-type.ts';
import type { CostMeter } from './cost-meter.ts';
import { durationFrom, timestampFrom } from './times.ts';
import { CelError, CelUint, fromJson } from './values.ts';

/** Makes a value of the language from one of JSON. */
export type Reader = (value: unknown, meter: CostMeter) => unknown;

/**
 * How values of a type are read out of JSON; undefined when they are used as they are. Objects, and lists and maps of what needs no reading,
 * are never copied. Elements of unknown type are read one by one by whoever takes them out.
 */
export function readerOf(type: CelType): Reader | undefined {
  switch (type.kind) {
    case 'int':
      return (value) => (typeof value === 'number' ? wholeNumber(value) : value);
    case 'uint':
      return (value) => (typeof value === 'number' ? new CelUint(BigInt(Math.trunc(value))) : value);
    case 'dyn':
      return fromJson;
    case 'timestamp':
      return (value) => (typeof value === 'string' ? timestampFrom(value) : value);
    case 'duration':
      return (value) => (typeof value === 'string' ? durationFrom(value) : value);
    case 'bytes':
      return (value) => (typeof value === 'string' ? Uint8Array.fromBase64(value) : value);
    case 'list': {
      const read = readerOf(type.element);
      return read && type.element.kind !== 'dyn' ? listReader(read) : undefined;
    }
    case 'map': {
      const read = readerOf(type.value);
      return read && type.value.kind !== 'dyn' ? mapReader(read) : undefined;
    }
    default:
      return undefined;
  }
}

/** Some clients write whole numbers as floating point ones that are not quite whole; the schema has refused those before. */
function wholeNumber(value: number): bigint {
  if (!Number.isInteger(value)) throw new CelError(`unsupported conversion from double to int: ${value}`);
  return BigInt(value);
}

const perElement = 0.1;

function listReader(read: Reader): Reader {
  return (value, meter) => {
    if (!Array.isArray(value)) return value;
    meter.charge(value.length * perElement);
    return value.map((item) => read(item, meter));
  };
}

function mapReader(read: Reader): Reader {
  return (value, meter) => {
    if (typeof value !== 'object' || value === null || value instanceof Map) return value;
    const entries = Object.entries(value);
    meter.charge(entries.length * perElement);
    return new Map(entries.map(([key, item]) => [key, read(item, meter)]));
  };
}

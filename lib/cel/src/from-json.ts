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
      return (value, meter) => parsed(value, meter, timestampFrom);
    case 'duration':
      return (value, meter) => parsed(value, meter, durationFrom);
    case 'bytes':
      return (value, meter) => {
        if (typeof value !== 'string') return value;
        meter.charge(value.length * byteCost);
        return Uint8Array.fromBase64(value);
      };
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

function parsed(value: unknown, meter: CostMeter, parse: (text: string) => unknown): unknown {
  if (typeof value !== 'string') return value;
  meter.charge(parseCost);
  return parse(value);
}

/** Some clients write whole numbers as floating point ones that are not quite whole; the schema has refused those before. */
function wholeNumber(value: number): bigint {
  if (!Number.isInteger(value)) throw new CelError(`unsupported conversion from double to int: ${value}`);
  return BigInt(value);
}

/** What reading takes here, in the units of the meter: an element of a list, an entry of a map, a text that is parsed. */
const elementCost = 0.5;
const entryCost = 2;
const parseCost = 10;
const byteCost = 0.1;
/** Remembering takes longer than reading a few elements again. */
const rememberedMin = 8;

function listReader(read: Reader): Reader {
  const maker = {};
  const make = (list: readonly unknown[], meter: CostMeter) => {
    meter.charge(list.length * elementCost);
    return list.map((item) => read(item, meter));
  };
  return (value, meter) => {
    if (!Array.isArray(value)) return value;
    return value.length < rememberedMin ? make(value, meter) : meter.once(maker, value, () => make(value, meter));
  };
}

function mapReader(read: Reader): Reader {
  const maker = {};
  const make = (value: object, meter: CostMeter) => {
    const entries = Object.entries(value);
    meter.charge(entries.length * entryCost);
    return new Map(entries.map(([key, item]) => [key, read(item, meter)]));
  };
  return (value, meter) => {
    if (typeof value !== 'object' || value === null || value instanceof Map) return value;
    return meter.once(maker, value, () => make(value, meter));
  };
}

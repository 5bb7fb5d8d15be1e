/** Points in time and spans, to the nanosecond. Texts are RFC 3339 and Go's durations (`1h30m`). */
import { CelDuration, CelError, CelTimestamp } from './values.ts';

const timestampShape = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;
const dateShape = /^\d{4}-\d\d-\d\d$/;

/** Also takes a date alone, as a schema's format `date` has it. Throws CelError. */
export function timestampFrom(text: string): CelTimestamp {
  const match = timestampShape.exec(dateShape.test(text) ? `${text}T00:00:00Z` : text);
  if (!match) throw new CelError(`parsing time "${text}": cannot parse as RFC 3339`);
  const [, date, time, fraction = '', zone = ''] = match;
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  if (Number.isNaN(ms)) throw new CelError(`parsing time "${text}": out of range`);
  return new CelTimestamp(BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0')));
}

export function timestampText({ nanos }: CelTimestamp): string {
  const fraction = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = (nanos - fraction) / 1_000_000_000n;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return fraction === 0n ? `${whole}Z` : `${whole}.${fractionText(fraction, 9)}Z`;
}

function fractionText(fraction: bigint, digits: number): string {
  return String(fraction).padStart(digits, '0').replace(/0+$/, '');
}

const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const durationShape = /^[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h)|\.\d+(?:ns|us|µs|μs|ms|s|m|h))+$/;
const durationPart = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g;
const durationCharactersMax = 200;

export function isDuration(text: string): boolean {
  return text.length <= durationCharactersMax && (text === '0' || durationShape.test(text));
}

/** Throws CelError. */
export function durationFrom(text: string): CelDuration {
  if (text === '0') return new CelDuration(0n);
  if (!isDuration(text)) throw new CelError(`time: invalid duration "${text}"`);
  let nanos = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(durationPart)) {
    const unitSize = unitNanos[unit] ?? 1n;
    nanos += BigInt(whole || '0') * unitSize;
    if (fraction) nanos += (BigInt(fraction) * unitSize) / 10n ** BigInt(fraction.length);
  }
  return checkedDuration(text.startsWith('-') ? -nanos : nanos);
}

export function checkedDuration(nanos: bigint): CelDuration {
  if (nanos >= 2n ** 63n || nanos < -(2n ** 63n)) throw new CelError('duration overflow');
  return new CelDuration(nanos);
}

/** Seconds with what is below them, as the language converts a duration to a string. */
export function durationText({ nanos }: CelDuration): string {
  const magnitude = nanos < 0n ? -nanos : nanos;
  const fraction = magnitude % 1_000_000_000n;
  const text = `${magnitude / 1_000_000_000n}${fraction === 0n ? '' : `.${fractionText(fraction, 9)}`}s`;
  return nanos < 0n ? `-${text}` : text;
}

const minNanos = BigInt(Date.UTC(1, 0, 1)) * 1_000_000n - 1900n * 366n * 86_400n * 1_000_000_000n;
const maxNanos = BigInt(Date.UTC(9999, 11, 31, 23, 59, 59)) * 1_000_000n + 999_999_999n;

export function checkedTimestamp(nanos: bigint): CelTimestamp {
  if (nanos > maxNanos || nanos < minNanos) throw new CelError('timestamp overflow');
  return new CelTimestamp(nanos);
}

export type TimeField =
  | 'year'
  | 'month'
  | 'day'
  | 'weekday'
  | 'hour'
  | 'minute'
  | 'second'
  | 'millisecond'
  | 'dayOfYear';

/** In UTC, or in the zone that is named (`Europe/Vienna`, `+02:00`). Throws CelError for an unknown zone. */
export function timeField({ nanos }: CelTimestamp, field: TimeField, zone: string | undefined): bigint {
  const ms = Number(nanos / 1_000_000n);
  const date = new Date(ms + (zone === undefined ? 0 : offsetMs(zone, ms)));
  switch (field) {
    case 'year':
      return BigInt(date.getUTCFullYear());
    case 'month':
      return BigInt(date.getUTCMonth());
    case 'day':
      return BigInt(date.getUTCDate());
    case 'weekday':
      return BigInt(date.getUTCDay());
    case 'hour':
      return BigInt(date.getUTCHours());
    case 'minute':
      return BigInt(date.getUTCMinutes());
    case 'second':
      return BigInt(date.getUTCSeconds());
    case 'millisecond':
      return BigInt(date.getUTCMilliseconds());
    case 'dayOfYear':
      return BigInt(Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000));
  }
}

const offsetShape = /^([+-]?)(\d\d):(\d\d)$/;

function offsetMs(zone: string, ms: number): number {
  const fixed = offsetShape.exec(zone);
  if (fixed) return (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3])) * 60_000;
  try {
    const parts = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    }).formatToParts(ms);
    const part = (type: string) => Number(parts.find((found) => found.type === type)?.value);
    const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
    return local - Math.floor(ms / 1000) * 1000;
  } catch {
    throw new CelError(`unknown time zone ${zone}`);
  }
}

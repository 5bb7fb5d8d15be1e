/** What one asks of points in time and of spans. */
import { type TimeField, timeField } from '../times.ts';
import type { CelDuration, CelTimestamp } from '../values.ts';
import { overload, type Overload } from './overload.ts';

const fields: readonly (readonly [string, TimeField, bigint])[] = [
  ['getFullYear', 'year', 0n],
  ['getMonth', 'month', 0n],
  ['getDate', 'day', 0n],
  ['getDayOfMonth', 'day', -1n],
  ['getDayOfWeek', 'weekday', 0n],
  ['getDayOfYear', 'dayOfYear', 0n],
  ['getHours', 'hour', 0n],
  ['getMinutes', 'minute', 0n],
  ['getSeconds', 'second', 0n],
  ['getMilliseconds', 'millisecond', 0n],
];

const units: readonly (readonly [string, bigint])[] = [
  ['getHours', 3_600_000_000_000n],
  ['getMinutes', 60_000_000_000n],
  ['getSeconds', 1_000_000_000n],
];

export const timeOverloads: readonly Overload[] = [
  ...fields.flatMap(([name, field, shift]) => [
    overload<[CelTimestamp]>(`timestamp.${name}(): int`, ([time]) => timeField(time, field, undefined) + shift),
    // Looking into the calendar of a zone costs a good deal more than arithmetic.
    overload<[CelTimestamp, string]>(
      `timestamp.${name}(string): int`,
      ([time, zone]) => timeField(time, field, zone) + shift,
      {
        of: () => 100,
        work: 200,
      },
    ),
  ]),
  ...units.map(([name, nanos]) => overload<[CelDuration]>(`duration.${name}(): int`, ([span]) => span.nanos / nanos)),
  overload<[CelDuration]>('duration.getMilliseconds(): int', ([span]) => (span.nanos / 1_000_000n) % 1000n),
];

/**
 * When a CronJob runs: the five fields of cron (minute, hour, day of month, month, day of week), or a name such as `@daily`.
 * Problems are told in the words of the parser that upstream uses.
 */

/** Which minutes match. A field that began with `*` restricts nothing, which matters where both days are given. */
export interface CronFields {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** Sunday is 0. */
  readonly daysOfWeek: ReadonlySet<number>;
  readonly anyDayOfMonth: boolean;
  readonly anyDayOfWeek: boolean;
}

export interface CronSchedule {
  /** `TZ=` or `CRON_TZ=` before the fields. */
  readonly timeZone: string | undefined;
  readonly fields: CronFields | undefined;
  /** Of `@every 1h30m`. */
  readonly everySeconds: number | undefined;
}

export class CronScheduleError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CronScheduleError';
  }
}

/** Throws CronScheduleError. */
export function parseCronSchedule(text: string): CronSchedule {
  if (text === '') throw new CronScheduleError('empty spec string');
  const zone = /^(?:CRON_)?TZ=(\S*)\s+(.*)$/.exec(text);
  const timeZone = zone?.[1];
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    throw new CronScheduleError(`provided bad location ${timeZone}: unknown time zone ${timeZone}`);
  }
  const spec = zone?.[2]?.trim() ?? text;
  if (!spec.startsWith('@')) return { timeZone, fields: parseFields(spec), everySeconds: undefined };
  if (spec.startsWith('@every ')) return { timeZone, fields: undefined, everySeconds: parseDuration(spec.slice(7)) };
  const named = descriptors.get(spec);
  if (named === undefined) throw new CronScheduleError(`unrecognized descriptor: ${spec}`);
  return { timeZone, fields: parseFields(named), everySeconds: undefined };
}

const descriptors = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);

/** A name of the IANA's time zone database. */
export function isTimeZone(name: string): boolean {
  if (name === 'UTC' || name === '') return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    // Offsets such as +01:00 are no names.
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const monthNames = ['', 'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const minuteBounds: Bounds = { min: 0, max: 59, names: [] };
const hourBounds: Bounds = { min: 0, max: 23, names: [] };
const dayOfMonthBounds: Bounds = { min: 1, max: 31, names: [] };
const monthBounds: Bounds = { min: 1, max: 12, names: monthNames };
const dayOfWeekBounds: Bounds = { min: 0, max: 6, names: dayNames };

function parseFields(spec: string): CronFields {
  const fields = spec.split(/\s+/).filter((field) => field !== '');
  const [minute, hour, dayOfMonth, month, dayOfWeek] = fields;
  if (
    minute === undefined ||
    hour === undefined ||
    dayOfMonth === undefined ||
    month === undefined ||
    dayOfWeek === undefined ||
    fields.length > 5
  ) {
    throw new CronScheduleError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  }
  const days = parseField(dayOfMonth, dayOfMonthBounds);
  const weekdays = parseField(dayOfWeek, dayOfWeekBounds);
  return {
    minutes: parseField(minute, minuteBounds).values,
    hours: parseField(hour, hourBounds).values,
    daysOfMonth: days.values,
    months: parseField(month, monthBounds).values,
    daysOfWeek: weekdays.values,
    anyDayOfMonth: days.isAny,
    anyDayOfWeek: weekdays.isAny,
  };
}

function parseField(field: string, bounds: Bounds): { values: Set<number>; isAny: boolean } {
  const values = new Set<number>();
  let isAny = false;
  for (const part of field.split(',')) {
    if (part === '') continue;
    const { start, end, step, isStar } = parseRange(part, bounds);
    for (let value = start; value <= end; value += step) values.add(value);
    isAny ||= isStar && step === 1;
  }
  return { values, isAny };
}

function parseRange(part: string, bounds: Bounds) {
  const [range = '', stepText, ...moreSteps] = part.split('/');
  const [low = '', high, ...moreHyphens] = range.split('-');
  const isStar = low === '*' || low === '?';
  if (!isStar && moreHyphens.length > 0) throw new CronScheduleError(`too many hyphens: ${part}`);
  const start = isStar ? bounds.min : numberOrName(low, bounds.names);
  let end = isStar ? bounds.max : high === undefined ? start : numberOrName(high, bounds.names);
  if (moreSteps.length > 0) throw new CronScheduleError(`too many slashes: ${part}`);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  if (stepText !== undefined && high === undefined) end = bounds.max;
  if (start < bounds.min) {
    throw new CronScheduleError(`beginning of range (${start}) below minimum (${bounds.min}): ${part}`);
  }
  if (end > bounds.max) throw new CronScheduleError(`end of range (${end}) above maximum (${bounds.max}): ${part}`);
  if (start > end) throw new CronScheduleError(`beginning of range (${start}) beyond end of range (${end}): ${part}`);
  if (step === 0) throw new CronScheduleError(`step of range should be a positive number: ${part}`);
  return { start, end, step, isStar };
}

function numberOrName(text: string, names: readonly string[]): number {
  const named = text === '' ? -1 : names.indexOf(text.toLowerCase());
  return named === -1 ? parseNumber(text) : named;
}

function parseNumber(text: string): number {
  if (!/^[+-]?\d{1,9}$/.test(text)) {
    const reason = `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
    throw new CronScheduleError(`failed to parse int from ${text}: ${reason}`);
  }
  const value = Number(text);
  if (value < 0) throw new CronScheduleError(`negative number (${value}) not allowed: ${text}`);
  return value;
}

const unitSeconds = new Map([
  ['h', 3600],
  ['m', 60],
  ['s', 1],
]);

/** As `1h30m`, in whole seconds and never less than one. */
function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
    const reason = `time: invalid duration ${JSON.stringify(text)}`;
    throw new CronScheduleError(`failed to parse duration @every ${text}: ${reason}`);
  }
  const seconds = parts.reduce(
    (sum, [, count = '0', unit = '']) => sum + Number(count) * (unitSeconds.get(unit) ?? 0),
    0,
  );
  return Math.max(1, Math.floor(seconds));
}

/**
 * The times of a cron schedule. A time is one at which the clock on the wall of the zone shows what the fields say. So what
 * is asked for in an hour that is skipped does not come that day, and what is asked for in an hour that comes twice
 * comes twice, as with upstream's parser.
 */
import type { CronFields, CronSchedule } from './cron-schedule.ts';
import { type LocalTime, localTime, startOfLocalDay } from './time-zone.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** A schedule that names no day within this many years (a 31st of February) never comes. */
const yearsMax = 5;

/** The first time after `afterMs`; undefined when there is none. Milliseconds since the epoch, as all times here. */
export function nextCronMs(schedule: CronSchedule, afterMs: number, zone = 'UTC'): number | undefined {
  const { fields, everySeconds } = schedule;
  if (everySeconds !== undefined) return Math.floor(afterMs / 1000) * 1000 + everySeconds * 1000;
  return fields && nextMatchMs(fields, afterMs, schedule.timeZone ?? zone);
}

/** The last time after `afterMs` up to `untilMs`, and how many there are; more than `countMax` are counted as one more. */
export function lastCronMs(
  schedule: CronSchedule,
  { afterMs, untilMs, countMax }: { readonly afterMs: number; readonly untilMs: number; readonly countMax: number },
  zone = 'UTC',
): { readonly lastMs: number; readonly count: number } | undefined {
  const first = nextCronMs(schedule, afterMs, zone);
  if (first === undefined || first > untilMs) return undefined;
  if (schedule.everySeconds !== undefined) {
    const times = Math.floor((untilMs - first) / (schedule.everySeconds * 1000));
    return { lastMs: first + times * schedule.everySeconds * 1000, count: Math.min(times, countMax) + 1 };
  }
  let lastMs = first;
  let count = 1;
  for (; count <= countMax; count++) {
    const next = nextCronMs(schedule, lastMs, zone);
    if (next === undefined || next > untilMs) return { lastMs, count };
    lastMs = next;
  }
  return { lastMs: lastOf(schedule, lastMs, untilMs, zone), count };
}

/** Halves the span in which the last time lies: many missed ones cost no more than a few. */
function lastOf(schedule: CronSchedule, knownMs: number, untilMs: number, zone: string): number {
  let low = knownMs;
  let high = untilMs;
  let last = knownMs;
  while (high - low > minuteMs) {
    const middle = low + Math.floor((high - low) / 2);
    const next = nextCronMs(schedule, middle, zone);
    if (next !== undefined && next <= untilMs) {
      last = next;
      low = next;
    } else high = middle;
  }
  const next = nextCronMs(schedule, last, zone);
  return next !== undefined && next <= untilMs ? next : last;
}

/** Jumps over months, days, hours and minutes that cannot match. */
function nextMatchMs(fields: CronFields, afterMs: number, zone: string): number | undefined {
  let ms = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
  let local = localTime(ms, zone);
  const lastYear = local.year + yearsMax;
  while (local.year <= lastYear) {
    ms = nextCandidateMs(fields, ms, local, zone) ?? ms;
    const moved = localTime(ms, zone);
    if (matches(fields, moved)) return ms;
    if (isSame(moved, local)) ms += minuteMs;
    local = localTime(ms, zone);
  }
  return undefined;
}

/** A later time before which nothing matches; undefined when this one may match. */
function nextCandidateMs(fields: CronFields, ms: number, local: LocalTime, zone: string): number | undefined {
  const { year, month, day, hour, minute } = local;
  if (!fields.months.has(month)) return startOfLocalDay({ year, month: month + 1, day: 1 }, zone);
  if (!matchesDay(fields, local)) return startOfLocalDay({ year, month, day: day + 1 }, zone);
  // Zones change their clocks on the hour, or on the half.
  if (!fields.hours.has(hour)) return ms + hourMs / 2 - (minute % 30) * minuteMs;
  if (fields.minutes.has(minute)) return undefined;
  const left = 30 - (minute % 30);
  for (let ahead = 1; ahead < left; ahead++) if (fields.minutes.has(minute + ahead)) return ms + ahead * minuteMs;
  return ms + left * minuteMs;
}

function matches(fields: CronFields, local: LocalTime): boolean {
  const { month, hour, minute } = local;
  return fields.months.has(month) && matchesDay(fields, local) && fields.hours.has(hour) && fields.minutes.has(minute);
}

/** Where both days are restricted one of them is enough. */
function matchesDay(fields: CronFields, { day, weekday }: LocalTime): boolean {
  const isDay = fields.daysOfMonth.has(day);
  const isWeekday = fields.daysOfWeek.has(weekday);
  return fields.anyDayOfMonth || fields.anyDayOfWeek ? isDay && isWeekday : isDay || isWeekday;
}

function isSame(a: LocalTime, b: LocalTime): boolean {
  return a.minute === b.minute && a.hour === b.hour && a.day === b.day && a.month === b.month && a.year === b.year;
}

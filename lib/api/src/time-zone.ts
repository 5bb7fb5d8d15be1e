/** What the clock on the wall shows in a zone of the IANA's database. */

export interface LocalTime {
  readonly year: number;
  /** January is 1. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  /** Sunday is 0. */
  readonly weekday: number;
}

const dayMs = 86_400_000;

export function localTime(ms: number, zone: string): LocalTime {
  const shown = new Date(ms + offsetMs(ms, zone));
  return {
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth() + 1,
    day: shown.getUTCDate(),
    hour: shown.getUTCHours(),
    minute: shown.getUTCMinutes(),
    weekday: shown.getUTCDay(),
  };
}

/** The first instant of a day: midnight, or when the clocks go forward at midnight, what comes then. Days and months may overflow. */
export function startOfLocalDay(
  { year, month, day }: { readonly year: number; readonly month: number; readonly day: number },
  zone: string,
): number {
  const shown = Date.UTC(year, month - 1, day);
  const [before, after] = [offsetMs(shown - dayMs, zone), offsetMs(shown + dayMs, zone)];
  const candidates = [shown - before, shown - after].sort((a, b) => a - b);
  return candidates.find((ms) => ms + offsetMs(ms, zone) === shown) ?? shown - before;
}

/** RFC 3339 with the zone's offset, `Z` for none. */
export function formatInZone(ms: number, zone: string): string {
  const offset = offsetMs(ms, zone);
  const shown = new Date(ms + offset).toISOString().slice(0, 19);
  if (offset === 0) return `${shown}Z`;
  const minutes = Math.abs(Math.round(offset / 60_000));
  const two = (value: number) => String(value).padStart(2, '0');
  return `${shown}${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** What is added to UTC. */
export function offsetMs(ms: number, zone: string): number {
  if (zone === 'UTC' || zone === '') return 0;
  const secondMs = Math.floor(ms / 1000) * 1000;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatFor(zone).formatToParts(secondMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - secondMs;
}

/** One per name of the database, of which there are some hundreds. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatFor(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  return format;
}

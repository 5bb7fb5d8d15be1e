import fc from 'fast-check';
import { parseCronSchedule } from './cron-schedule.ts';
import { lastCronMs, nextCronMs } from './cron-times.ts';
import { formatInZone, localTime } from './time-zone.ts';

const next = (text: string, after: string, zone?: string) => {
  const ms = nextCronMs(parseCronSchedule(text), Date.parse(after), zone);
  return ms === undefined ? undefined : new Date(ms).toISOString().replace(':00.000Z', 'Z');
};

describe('nextCronMs', () => {
  it.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01Z'],
    ['* * * * *', '2026-01-01T00:00:59.999Z', '2026-01-01T00:01Z'],
    ['*/15 * * * *', '2026-01-01T00:45:00Z', '2026-01-01T01:00Z'],
    ['0 0 * * *', '2026-12-31T10:00:00Z', '2027-01-01T00:00Z'],
    ['@hourly', '2026-01-01T10:59:59Z', '2026-01-01T11:00Z'],
    ['@weekly', '2026-01-01T00:00:00Z', '2026-01-04T00:00Z'],
    ['@monthly', '2026-01-31T00:00:00Z', '2026-02-01T00:00Z'],
    ['@yearly', '2026-01-01T00:00:00Z', '2027-01-01T00:00Z'],
    ['30 6 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T06:30Z'],
    // Both days are given, and a step is no star: either is enough. One is a star: the other decides.
    ['0 12 13 * 5', '2026-01-01T00:00:00Z', '2026-01-02T12:00Z'],
    ['0 12 */2 * 5', '2026-01-01T00:00:00Z', '2026-01-01T12:00Z'],
    ['0 12 * * 5', '2026-01-03T00:00:00Z', '2026-01-09T12:00Z'],
    ['@every 1h30m', '2026-01-01T00:10:00Z', '2026-01-01T01:40Z'],
    ['0 0 31 2 *', '2026-01-01T00:00:00Z', undefined],
  ])('%s after %s: %s', (text, after, expected) => {
    expect(next(text, after)).toBe(expected);
  });

  it.each([
    // Berlin: 02:00 to 03:00 is skipped on March 29, and comes twice on October 25.
    ['30 2 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin', '2026-03-30T00:30Z'],
    ['0 3 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin', '2026-03-29T01:00Z'],
    ['30 2 * * *', '2026-10-24T12:00:00Z', 'Europe/Berlin', '2026-10-25T00:30Z'],
    ['30 2 * * *', '2026-10-25T00:30:00Z', 'Europe/Berlin', '2026-10-25T01:30Z'],
    ['30 2 * * *', '2026-10-25T01:30:00Z', 'Europe/Berlin', '2026-10-26T01:30Z'],
    ['0 9 * * 1-5', '2026-07-03T14:00:00Z', 'America/New_York', '2026-07-06T13:00Z'],
    ['15 10 * * *', '2026-01-01T00:00:00Z', 'Asia/Kolkata', '2026-01-01T04:45Z'],
    // Lord Howe: half an hour forward at 02:00 on October 4, half an hour back at 02:00 on April 5.
    ['15 2 * * *', '2026-10-03T12:00:00Z', 'Australia/Lord_Howe', '2026-10-04T15:15Z'],
    ['45 1 * * *', '2026-04-04T12:00:00Z', 'Australia/Lord_Howe', '2026-04-04T14:45Z'],
    ['45 1 * * *', '2026-04-04T14:45:00Z', 'Australia/Lord_Howe', '2026-04-04T15:15Z'],
    // Cairo: midnight itself is skipped on April 24.
    ['0 0 * * *', '2026-04-23T12:00:00Z', 'Africa/Cairo', '2026-04-24T21:00Z'],
    ['30 1 * * *', '2026-04-23T12:00:00Z', 'Africa/Cairo', '2026-04-23T22:30Z'],
  ])('%s after %s in %s: %s', (text, after, zone, expected) => {
    expect(next(text, after, zone)).toBe(expected);
  });

  it('finds what walking minute by minute finds', () => {
    const start = Date.parse('2026-03-28T00:00:00Z');
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'America/St_Johns', 'Africa/Cairo');
    const minutes = fc.constantFrom('*', '0', '*/20', '59', '7,31');
    const hours = fc.constantFrom('*', '0', '2', '1-3', '*/6', '23');
    const days = fc.constantFrom('*', '29', '1', '*/2');
    const weekdays = fc.constantFrom('*', '0', '1-5');
    fc.assert(
      fc.property(
        zones,
        minutes,
        hours,
        days,
        weekdays,
        fc.nat(60 * 24 * 3),
        (zone, minute, hour, day, weekday, at) => {
          const schedule = parseCronSchedule(`${minute} ${hour} ${day} * ${weekday}`);
          const afterMs = start + at * 60_000;
          const found = nextCronMs(schedule, afterMs, zone);
          let walked = afterMs + 60_000;
          const holds = (ms: number) => {
            const local = localTime(ms, zone);
            const isDay = schedule.fields?.daysOfMonth.has(local.day);
            const isWeekday = schedule.fields?.daysOfWeek.has(local.weekday);
            const isAny = schedule.fields?.anyDayOfMonth || schedule.fields?.anyDayOfWeek;
            const fits = schedule.fields?.minutes.has(local.minute) && schedule.fields?.hours.has(local.hour);
            return fits && (isAny ? isDay && isWeekday : isDay || isWeekday);
          };
          const limit = afterMs + 4 * 86_400_000;
          while (!holds(walked) && walked < limit) walked += 60_000;
          if (walked < limit) expect(found).toBe(walked);
          else expect(found).toBeGreaterThanOrEqual(limit);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('lastCronMs', () => {
  const last = (text: string, after: string, until: string, countMax = 100) => {
    const span = { afterMs: Date.parse(after), untilMs: Date.parse(until), countMax };
    const found = lastCronMs(parseCronSchedule(text), span);
    return found && [new Date(found.lastMs).toISOString(), found.count];
  };

  it.each([
    ['0 * * * *', '2026-01-01T00:10:00Z', '2026-01-01T00:50:00Z', undefined],
    ['0 * * * *', '2026-01-01T00:10:00Z', '2026-01-01T01:00:00Z', ['2026-01-01T01:00:00.000Z', 1]],
    ['0 * * * *', '2026-01-01T00:10:00Z', '2026-01-01T05:30:00Z', ['2026-01-01T05:00:00.000Z', 5]],
    ['30 6-16/4 * * 1-5', '2026-01-01T00:10:00Z', '2026-01-05T05:30:00Z', ['2026-01-02T14:30:00.000Z', 6]],
    ['* * * * *', '2020-01-01T00:00:00Z', '2026-01-05T05:30:30Z', ['2026-01-05T05:30:00.000Z', 101]],
    ['0 0 1 1 *', '1900-01-01T00:10:00Z', '2026-05-05T05:30:00Z', ['2026-01-01T00:00:00.000Z', 101]],
    ['@every 7s', '2026-01-01T00:00:00Z', '2026-01-01T00:00:30Z', ['2026-01-01T00:00:28.000Z', 4]],
    ['@every 1s', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z', ['2027-01-01T00:00:00.000Z', 101]],
  ])('%s after %s until %s: %j', (text, after, until, expected) => {
    expect(last(text, after, until)).toEqual(expected);
  });
});

describe('formatInZone', () => {
  it.each([
    ['UTC', '2026-01-01T00:00:00Z'],
    ['Europe/Berlin', '2026-01-01T01:00:00+01:00'],
    ['America/St_Johns', '2025-12-31T20:30:00-03:30'],
  ])('%s: %s', (zone, expected) => {
    expect(formatInZone(Date.UTC(2026, 0, 1), zone)).toBe(expected);
  });
});

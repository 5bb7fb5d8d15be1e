/** Which time of the schedule is due, and when the next one comes. */
import { type CronSchedule, CronScheduleError, isTimeZone, parseCronSchedule } from '@slipway/api/cron-schedule';
import { lastCronMs, nextCronMs } from '@slipway/api/cron-times';
import type { CronJob } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import type { EventPhrase } from '../../runtime/step.ts';

/** Of missed times the last one is made good. More than these are worth a warning. */
const missedMax = 100;
/** A start that lies further ahead than this was noted by a clock that has gone back since. */
const aheadMsMax = 600_000;

export interface Timetable {
  readonly schedule: CronSchedule;
  readonly zone: string;
}

/** What cannot be followed is told. */
export function timetableOf({ spec }: CronJob): Timetable | { readonly problem: EventPhrase } {
  const { schedule: text, timeZone: zone = 'UTC' } = spec;
  if (!isTimeZone(zone)) {
    return { problem: warning('UnknownTimeZone', `invalid timeZone: "${zone}": unknown time zone ${zone}`) };
  }
  try {
    return { schedule: parseCronSchedule(text), zone };
  } catch (error) {
    if (!(error instanceof CronScheduleError)) throw error;
    return { problem: warning('UnparseableSchedule', `unparseable schedule: "${text}" : ${error.message}`) };
  }
}

export interface Due {
  readonly atMs: number;
  readonly tells: readonly EventPhrase[];
}

/** The last time that has come since the last start, unless that is too long ago for a start now. */
export function dueTime(cronJob: CronJob, timetable: Timetable, nowMs: number): Due | undefined {
  const { startingDeadlineSeconds } = cronJob.spec;
  const lastStart = lastStartMs(cronJob, timetable);
  // Times are whole seconds: one at the deadline itself is still met.
  const deadlineMs = Math.floor(nowMs / 1000) * 1000 - (startingDeadlineSeconds ?? 0) * 1000 - 1;
  const afterMs = startingDeadlineSeconds === undefined ? lastStart : Math.max(lastStart, deadlineMs);
  const found = lastCronMs(timetable.schedule, { afterMs, untilMs: nowMs, countMax: missedMax }, timetable.zone);
  if (!found) return undefined;
  const { lastMs: atMs, count } = found;
  return { atMs, tells: [...tooManyMissed(count), ...unsupportedZone(cronJob)] };
}

/** The last start, or now where that lies in a future which would be waited for otherwise. */
export function lastStartAt({ status }: CronJob, nowMs: number): string | undefined {
  const at = status?.lastScheduleTime;
  return at !== undefined && Date.parse(at) > nowMs + aheadMsMax ? formatTime(nowMs) : at;
}

/** Milliseconds until the next time; undefined when there is none. */
export function nextTimeInMs({ schedule, zone }: Timetable, nowMs: number): number | undefined {
  const nextMs = nextCronMs(schedule, nowMs, zone);
  return nextMs === undefined ? undefined : nextMs - nowMs;
}

function lastStartMs(cronJob: CronJob, { schedule, zone }: Timetable): number {
  const { metadata, status } = cronJob;
  if (status?.lastScheduleTime === undefined) return Date.parse(metadata.creationTimestamp ?? '');
  const lastMs = Date.parse(status.lastScheduleTime);
  // By another schedule: times of this one that lie before it was set were never promised.
  const isOfThisSchedule = !schedule.fields || nextCronMs(schedule, lastMs - 1000, zone) === lastMs;
  return isOfThisSchedule ? lastMs : Math.max(lastMs, scheduleSetMs(cronJob) ?? lastMs);
}

/** When somebody wrote the schedule last, as far as the fields' owners tell. */
function scheduleSetMs({ metadata }: CronJob): number | undefined {
  const times = (metadata.managedFields ?? [])
    .filter(({ fieldsV1 }) => {
      const spec = (fieldsV1 as Readonly<Record<string, object>> | undefined)?.['f:spec'];
      return spec !== undefined && 'f:schedule' in spec;
    })
    .flatMap(({ time }) => (time ? [Date.parse(time)] : []));
  return times.length > 0 ? Math.max(...times) : undefined;
}

function tooManyMissed(count: number): EventPhrase[] {
  if (count <= missedMax) return [];
  const advice = 'Set or decrease .spec.startingDeadlineSeconds or check clock skew';
  return [warning('TooManyMissedTimes', `too many missed start times. ${advice}`)];
}

/** New schedules with a zone in them are refused; old ones are followed. */
function unsupportedZone({ spec }: CronJob): EventPhrase[] {
  if (!spec.schedule.includes('TZ')) return [];
  const where = 'https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/';
  const what = `CRON_TZ or TZ used in schedule "${spec.schedule}" is not officially supported`;
  return [warning('UnsupportedSchedule', `${what}, see ${where} for more details`)];
}

function warning(reason: string, message: string): EventPhrase {
  return { type: 'Warning', reason, message };
}

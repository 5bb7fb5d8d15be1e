/** The scheduler alone, for those who measure it or run it over caches of their own. */
export type { SchedulerSources } from './cluster-watch.ts';
export { Scheduler, type SchedulerDeps } from './scheduler.ts';

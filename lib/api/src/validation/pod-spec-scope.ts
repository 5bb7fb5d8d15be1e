import type { Volume } from '../types.ts';

/** What the rules of a container need to know of the pod around it. */
export interface PodScope {
  readonly isPod: boolean;
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claimNames: ReadonlySet<string>;
  readonly gracePeriodSeconds: number | undefined;
  readonly restartPolicy: string;
  readonly usesHostUsers: boolean;
}

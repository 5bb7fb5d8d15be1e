/** What the probes of one running container say together. */
export interface ProbeResults {
  /** False until the startup probe succeeded; true without one. */
  readonly started: boolean;
  readonly ready: boolean;
  /** Set when the liveness or the startup probe gave the container up. */
  readonly failed?: 'liveness' | 'startup';
}

export type ProbeType = 'startup' | 'liveness' | 'readiness';

/** One run of one probe. `error` = it could not be run or was not answered in its protocol. */
export interface ProbeOutcome {
  readonly result: 'success' | 'failure' | 'error';
  /** What a human reads in the Unhealthy event. */
  readonly output: string;
}

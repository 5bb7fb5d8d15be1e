import type { ProbeResults } from '../probes/probe-results.ts';

/**
 * What the agent sees of one pod at one moment, as plain data. `planPod` and `podStatus` read nothing else, so every
 * decision can be replayed from it. Sandboxes and containers come from the runtime in each round; the rest is what
 * the last steps reported, and is safe to lose: a step that is asked for again does nothing when its work is there.
 */
export interface ObservedSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly state: 'ready' | 'notReady';
  readonly createdAtMs: number;
  /** Empty for pods in the host's network. */
  readonly ips: readonly string[];
}

export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  /** Counts the starts of this container in this pod from 0; it is the restart count. */
  readonly attempt: number;
  readonly state: 'created' | 'running' | 'exited' | 'unknown';
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
  /** The image as the pod named it when the container was made. */
  readonly image: string;
  readonly imageRef: string;
  /** How long after the end of this attempt the next one may start, as it was decided when this one was made. */
  readonly backoffMs: number;
}

/** A step that failed, in the words that the pod's status shows, and when to try it again. */
export interface StepFailure {
  readonly reason: string;
  readonly message: string;
  readonly atMs: number;
  readonly retryAtMs: number;
}

/** The image that was made ready for an attempt of a container; the pull policy is obeyed once per attempt. */
export interface ObservedImage {
  readonly attempt: number;
  readonly imageRef: string;
}

export interface ObservedPod {
  /** The newest attempt first. */
  readonly sandboxes: readonly ObservedSandbox[];
  /** Every attempt that the runtime still knows, the newest of each name first. */
  readonly containers: readonly ObservedContainer[];
  readonly volumes: 'absent' | 'ready';
  /** Something of the pod's volumes is on the disk or mounted. */
  readonly volumesOnDisk: boolean;
  /** Logs, /etc/hosts or the like are there. */
  readonly filesOnDisk: boolean;
  /** By container name. */
  readonly images: ReadonlyMap<string, ObservedImage>;
  /** By step key (`stepKey`): steps whose last run failed. */
  readonly failures: ReadonlyMap<string, StepFailure>;
  /** By container id. A running container that is missing here has no result yet. */
  readonly probes: ReadonlyMap<string, ProbeResults>;
  /** Keys (`stepKey`) of steps that run now. */
  readonly inFlight: ReadonlySet<string>;
  /** The node refused the pod. */
  readonly rejection?: { readonly reason: string; readonly message: string };
  /** The API server no longer has the pod. */
  readonly gone: boolean;
}

export const nothingObserved: ObservedPod = {
  sandboxes: [],
  containers: [],
  volumes: 'absent',
  volumesOnDisk: false,
  filesOnDisk: false,
  images: new Map(),
  failures: new Map(),
  probes: new Map(),
  inFlight: new Set(),
  gone: false,
};

export function currentSandbox(observed: ObservedPod): ObservedSandbox | undefined {
  const newest = observed.sandboxes[0];
  return newest?.state === 'ready' ? newest : undefined;
}

/** The newest attempt of the container, whichever sandbox it was in. */
export function latestContainer(observed: ObservedPod, name: string): ObservedContainer | undefined {
  return observed.containers.find((container) => container.name === name);
}

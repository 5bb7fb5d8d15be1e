import type { Pod, PodStatus } from '@slipway/api/types';
import type { ObservedContainer, ObservedImage, StepFailure } from './observed-pod.ts';

export interface RunningStep {
  readonly abort: (reason: unknown) => void;
  readonly done: Promise<void>;
  /** For a stop: the grace that it was begun with. */
  readonly graceMs: number | undefined;
}

/**
 * What the loop holds of one pod between rounds. Nothing in here is needed to go on after a restart: images are
 * looked up again, volumes set up again (they are there), failures tried again, and statuses of containers read again.
 */
export interface PodWork {
  readonly uid: string;
  pod: Pod;
  /** No longer in the API. */
  gone: boolean;
  rejection: { readonly reason: string; readonly message: string } | undefined;
  volumesReady: boolean;
  /** The status that the API server has from us. */
  told: PodStatus | undefined;
  readonly images: Map<string, ObservedImage>;
  readonly failures: Map<string, StepFailure & { readonly count: number }>;
  readonly inFlight: Map<string, RunningStep>;
  /** Facts about containers and sandboxes that do not change any more, by id. */
  readonly exited: Map<string, ObservedContainer>;
  readonly startedAtMs: Map<string, number>;
  readonly sandboxIps: Map<string, readonly string[]>;
}

export function podWork(pod: Pod, gone: boolean): PodWork {
  return {
    uid: pod.metadata.uid ?? '',
    pod,
    gone,
    rejection: undefined,
    volumesReady: false,
    told: undefined,
    images: new Map(),
    failures: new Map(),
    inFlight: new Map(),
    exited: new Map(),
    startedAtMs: new Map(),
    sandboxIps: new Map(),
  };
}

const ownConditions: ReadonlySet<string> = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
]);

/** The pod with the newest status: ours as we told it, the rest as the server has it. The watch comes later than both. */
export function podAsTold(work: PodWork): Pod {
  return podWithStatus(work, work.told);
}

/** The pod with the agent's part of its status taken from `status`, and the part of others as the server has it. */
export function podWithStatus({ pod }: PodWork, status: PodStatus | undefined): Pod {
  if (!status) return pod;
  const foreign = (pod.status?.conditions ?? []).filter(({ type }) => !ownConditions.has(type));
  const own = (status.conditions ?? []).filter(({ type }) => ownConditions.has(type));
  return { ...pod, status: { ...pod.status, ...status, conditions: [...own, ...foreign] } };
}

/** Stands in for a pod that the API server has forgotten, from what the runtime knows of it. */
export function forgottenPod(identity: {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...identity, deletionGracePeriodSeconds: 30 },
    spec: { containers: [] },
  };
}

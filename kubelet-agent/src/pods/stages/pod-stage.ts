import type { Pod } from '@slipway/api/types';
import type { ObservedPod } from '../observed-pod.ts';
import type { PodStep } from '../pod-steps.ts';

/** What a stage still lacks. No steps and not done means: it waits for a step in flight, for a time, or for a probe. */
export interface StageProgress {
  readonly done: boolean;
  readonly steps: readonly PodStep[];
}

/** Given to every stage; all of it is data. */
export interface StageInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly nowMs: number;
  /** The grace that is left to containers when the pod ends. */
  readonly graceMs: number;
}

export type PodStageName = 'volumes' | 'sandbox' | 'images' | 'initContainers' | 'containers';

/**
 * One part of a pod. Both functions are pure and idempotent: they compare what is there with what the stage wants and
 * return the steps that are missing, none when nothing is.
 */
export interface PodStage {
  readonly name: PodStageName;
  /** Stages that must be done before this one begins; stages without such a bond are set up at the same time. */
  readonly after: readonly PodStageName[];
  setUp(input: StageInput): StageProgress;
  /** Must work from any state, also when set-up never ran or was broken off. */
  tearDown(input: StageInput): StageProgress;
}

export const stageDone: StageProgress = { done: true, steps: [] };

/** Done when no step is missing. */
export function stageOf(steps: readonly PodStep[]): StageProgress {
  return { done: steps.length === 0, steps };
}

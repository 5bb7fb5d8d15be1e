/** Every kind of step with its arguments. The step union and the executor's shape are derived from this record. */
export interface PodStepArguments {
  setUpVolumes: Record<never, never>;
  createSandbox: { readonly attempt: number };
  /** Makes the image present as the container's pull policy asks. */
  ensureImage: { readonly container: string; readonly attempt: number };
  /** Creates, starts and runs postStart. `backoffMs` is stored with the container for the time after its end. */
  startContainer: { readonly container: string; readonly attempt: number; readonly backoffMs: number };
  /** Runs preStop, asks to end, and kills after the grace. */
  stopContainer: {
    readonly containerId: string;
    readonly container: string;
    readonly graceMs: number;
    readonly message: string;
  };
  removeContainer: { readonly containerId: string };
  stopSandbox: { readonly sandboxId: string };
  removeSandbox: { readonly sandboxId: string };
  tearDownVolumes: Record<never, never>;
  /** Takes away the last that is left of a pod that is gone: cgroup, logs, files. */
  sweepPod: Record<never, never>;
  /** Takes the finished pod out of the API, after its last status was written. */
  deletePod: Record<never, never>;
}

export type PodStepName = keyof PodStepArguments;
export type PodStep = { [Name in PodStepName]: { readonly step: Name } & PodStepArguments[Name] }[PodStepName];

/** One handler per step; a step without a handler does not compile. Each is idempotent. */
export type PodStepHandlers<Context> = {
  readonly [Name in PodStepName]: (
    context: Context,
    step: Extract<PodStep, { step: Name }>,
    signal: AbortSignal,
  ) => Promise<void>;
};

/** Steps with the same key do the same work: one of them at a time. */
export function stepKey(step: PodStep): string {
  switch (step.step) {
    case 'startContainer':
    case 'ensureImage':
      return `${step.step}:${step.container}`;
    case 'stopContainer':
    case 'removeContainer':
      return `${step.step}:${step.containerId}`;
    case 'stopSandbox':
    case 'removeSandbox':
      return `${step.step}:${step.sandboxId}`;
    default:
      return step.step;
  }
}

const setUpSteps: ReadonlySet<PodStepName> = new Set([
  'setUpVolumes',
  'createSandbox',
  'ensureImage',
  'startContainer',
]);

/** A step that builds the pod: ended early when the pod is to go. */
export function isSetUpStep(name: string): boolean {
  return setUpSteps.has(name.split(':', 1)[0] as PodStepName);
}

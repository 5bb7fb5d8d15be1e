/** A step failed in a way that the pod's status has a word for. */
export class StepError extends Error {
  override readonly name = 'StepError';
  /** As upstream calls it: `ErrImagePull`, `CreateContainerError`. */
  readonly reason: string;
  readonly backoff: StepBackoff;

  constructor(
    reason: string,
    message: string,
    options: { readonly backoff?: StepBackoff; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.backoff = options.backoff ?? stepBackoff;
  }
}

export interface StepBackoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** What costs little is tried again soon, so that a pod goes on as soon as what it misses is there. */
export const stepBackoff: StepBackoff = { baseMs: 500, maxMs: 30_000 };
/** A registry must not be asked more often. */
export const pullBackoff: StepBackoff = { baseMs: 10_000, maxMs: 300_000 };
/** A start that failed leaves a dead container, whose own crash back-off rules; this only keeps the reason visible. */
export const startBackoff: StepBackoff = { baseMs: 1_000, maxMs: 10_000 };

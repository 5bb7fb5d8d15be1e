import type { Clock } from './clock.ts';

/** A deadline that we set ourselves ran out; never confused with the caller's own abort. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as { code?: string }).code === 'ABORT_ERR');
}

export const neverAborted: AbortSignal = new AbortController().signal;

/**
 * Settles as `work` does, or rejects with the signal's reason as soon as it aborts. What `work` still does then is
 * its own affair; its late failure is swallowed.
 */
export async function raceAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => {});
    throw signal.reason;
  }
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A signal that aborts after `ms`, and does not keep the process alive until then. */
export function deadlineSignal(clock: Clock, ms: number): AbortSignal {
  const controller = new AbortController();
  clock.after(ms, () => controller.abort(new DeadlineError(`not done within ${ms} ms`)));
  return controller.signal;
}

/** A signal that aborts with `parent`, or by the returned function. */
export function childSignal(parent: AbortSignal): { signal: AbortSignal; abort: (reason?: unknown) => void } {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  if (parent.aborted) follow();
  else parent.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => {
      parent.removeEventListener('abort', follow);
      controller.abort(reason);
    },
  };
}

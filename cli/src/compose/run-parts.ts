import { childSignal } from '@slipway/kit/abort';
import type { Part } from './control-plane.ts';

/**
 * Starts parts in order, each when the one before is ready, then calls `whenReady`. Runs until the signal aborts or a
 * part fails; then stops them in reverse order, each when the one after has ended. Throws the first failure.
 */
export async function runParts(
  parts: readonly Part[],
  signal: AbortSignal,
  whenReady: () => Promise<void>,
): Promise<void> {
  const running: { readonly stop: () => void; readonly ended: Promise<void> }[] = [];
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const stopped = new Promise<'stopped'>((resolve) => {
    if (signal.aborted) resolve('stopped');
    signal.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
  let failure: unknown;
  try {
    for (const part of parts) {
      // Not the caller's own signal: a part must outlive those that lean on it.
      const own = childSignal(new AbortController().signal);
      const ended = part.run(own.signal);
      ended.then(
        () => failed.reject(new Error(`the ${part.name} ended by itself`)),
        (error: unknown) => failed.reject(error),
      );
      running.push({ stop: () => own.abort(signal.reason), ended });
      part.ready.catch((error: unknown) => failed.reject(error));
      if ((await Promise.race([part.ready, failed.promise, stopped])) === 'stopped') return;
    }
    await Promise.race([whenReady(), failed.promise, stopped]);
    await Promise.race([failed.promise, stopped]);
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    for (const { stop, ended } of running.reverse()) {
      stop();
      await ended.catch((error: unknown) => {
        if (!signal.aborted && failure === undefined) failure = error;
      });
    }
  }
}

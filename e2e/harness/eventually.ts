import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';

/** Polls until `check` answers without throwing; the last failure is the message when time runs out. */
export async function eventually<T>(what: string, check: () => Promise<T>, timeoutMs = 30_000): Promise<T> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > untilMs)
        throw new Error(`${what} did not happen within ${timeoutMs} ms: ${error}`, { cause: error });
      await systemClock.sleep(100, neverAborted);
    }
  }
}

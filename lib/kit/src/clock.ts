import { flatText } from './flat-text.ts';

/**
 * Time as an argument. Everything that waits or reads the time does it through a `Clock`, so that tests and the
 * simulator own the time. This file and `random.ts` are the only callers of the platform's timers and chance.
 */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump. */
  nowMs(): number;
  /** Monotonic milliseconds for measuring spans; never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `fire` once after `ms` unless the returned cancel is called before. Does not keep the process alive. */
  after(ms: number, fire: () => void): () => void;
}

/** Longest delay a platform timer takes; a longer one would fire at once. */
const timerMsMax = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(
        () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.min(Math.max(ms, 0), timerMsMax),
      );
      signal.addEventListener('abort', onAbort, { once: true });
    }),
  after: (ms, fire) => {
    const timer = setTimeout(fire, Math.min(Math.max(ms, 0), timerMsMax));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** What `sleep` is, for clocks that fire by themselves and have nothing else to keep a process alive. */
export function sleepBy(clock: Pick<Clock, 'after'>, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

let newest = { second: Number.NaN, text: '' };

/** RFC 3339 with seconds, the form of `metav1.Time`. */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  // All writes of a second carry the same text.
  if (second !== newest.second) {
    newest = { second, text: flatText(new Date(ms).toISOString().slice(0, 19), 'Z') };
  }
  return newest.text;
}

/** RFC 3339 with microseconds, the form of `metav1.MicroTime`. */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}

import { backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { KeyPair } from './issue-certificate.ts';
import { renewalTimeMs } from './request-certificate.ts';

/** The wall clock may jump: it is looked at this often. */
const lookMs = 60_000;
const backoff = { baseMs: 1_000, maxMs: 300_000, jitter: 0.5 };

/**
 * Calls `renew` when most of the certificate's time is over (at once when there is none), and again when most of the new one's is, until
 * the signal aborts. A failure is told and tried again: until it ends, the old certificate still serves.
 */
export async function keepRenewed(
  what: string,
  first: KeyPair | undefined,
  renew: () => Promise<KeyPair>,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  let dueMs = first ? renewalTimeMs(first.certificate, random) : clock.nowMs();
  let failures = 0;
  const pause = (ms: number) => clock.sleep(Math.min(ms, lookMs), signal).catch(() => {});
  while (!signal.aborted) {
    const leftMs = dueMs - clock.nowMs();
    if (leftMs > 0) {
      await pause(leftMs);
      continue;
    }
    try {
      dueMs = renewalTimeMs((await renew()).certificate, random);
      failures = 0;
      log.debug({ certificate: what }, 'certificate in use');
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ certificate: what, error: messageOf(error) }, 'certificate not renewed, trying again');
      failures++;
    }
    // One that is due again at once must not make a busy loop.
    await pause(backoffMs(Math.max(failures, 1), backoff, random));
  }
}

import type { Lease } from '@slipway/api/types';
import { backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import type { Client } from './client.ts';
import { kinds } from './kinds.ts';

const backoff = { baseMs: 200, maxMs: 10_000 };
/** A watch that ends sooner than this without news counts as a failure. */
const shortWatchMs = 1000;

/**
 * Hears every change of one Lease for as long as the signal lasts, so that who waits for it need not ask. Where watching is not possible
 * nothing is heard, and nothing fails: whoever waits has to ask now and then all the same.
 */
export async function watchLease(
  { client, clock, namespace, name }: { client: Client; clock: Clock; namespace: string; name: string },
  heard: (lease: Lease) => void,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const startedMs = clock.monotonicMs();
    let isFruitful = false;
    try {
      const options = { namespace, fieldSelector: `metadata.name=${name}`, signal };
      for await (const events of client.watch(kinds.leases, options)) {
        isFruitful = true;
        for (const { type, object } of events) if (type !== 'BOOKMARK') heard(object);
      }
    } catch {
      // Asking is what remains.
    }
    failures = isFruitful || clock.monotonicMs() - startedMs >= shortWatchMs ? 0 : failures + 1;
    await clock.sleep(backoffMs(Math.max(failures, 1), backoff), signal).catch(() => {});
  }
}

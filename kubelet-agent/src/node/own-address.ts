import type { Clock } from '@slipway/kit/clock';

const lookEveryMs = 2_000;
/** A renewal may take an address away for a moment. */
const looksWithoutMax = 2;

/**
 * Resolves when the machine has lost the address and has another one: its Node, its certificate and its server must change.
 * Resolves with the signal, too.
 */
export async function untilAddressMoves(
  address: string,
  addressesNow: () => readonly string[],
  clock: Clock,
  signal: AbortSignal,
): Promise<{ readonly movedTo: string | undefined }> {
  for (let looksWithout = 0; !signal.aborted; ) {
    await clock.sleep(lookEveryMs, signal).catch(() => {}); // the loop looks at the signal
    const now = addressesNow();
    const [first] = now;
    looksWithout = now.includes(address) || !first || isLoopback(first) ? 0 : looksWithout + 1;
    if (looksWithout === looksWithoutMax) return { movedTo: first };
  }
  return { movedTo: undefined };
}

/** What stands in for an address on a machine that has none. */
function isLoopback(address: string): boolean {
  return address.startsWith('127.');
}

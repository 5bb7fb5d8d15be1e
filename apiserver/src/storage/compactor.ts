/** Bounds the history of a backend by age and by number of changes. Of the servers on one etcd one compacts. */
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Backend, Revision } from './backend.ts';

export interface CompactorOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
  /** How far back lists and watches reach at least, unless `changesMax` is met before. Default: upstream's 5 minutes. */
  readonly historyMs?: number;
  /** Changes kept at most, give or take what is written between two looks. Default 100,000. */
  readonly changesMax?: number;
  /** False while another process compacts the same store. That two do it at once does no harm. */
  readonly isOurs?: () => boolean;
}

/** How often the compactor looks. */
const lookMs = 10_000;

const historyMsDefault = 300_000;
const changesMaxDefault = 100_000;

/** Any key will do to ask the backend for its revision. */
const probeKey = '/registry/';

/** Runs until the signal aborts. A compaction that fails is logged and tried again at the next look. */
export async function runCompactor(options: CompactorOptions, signal: AbortSignal): Promise<void> {
  const { backend, clock, log, historyMs = historyMsDefault, changesMax = changesMaxDefault } = options;
  const isOurs = options.isOurs ?? (() => true);
  const seen: { readonly atMs: number; readonly revision: Revision }[] = [];
  let compacted = 0n;
  while (!signal.aborted) {
    try {
      const { revision } = await backend.get(probeKey, { signal });
      if (seen.at(-1)?.revision !== revision) seen.push({ atMs: clock.monotonicMs(), revision });
      const target = max(outgrown(seen, clock.monotonicMs() - historyMs), revision - BigInt(changesMax));
      if (target > compacted && isOurs()) {
        await backend.compact(target, signal);
        compacted = target;
        log.debug({ revision: String(target) }, 'history compacted');
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ reason: messageOf(error) }, 'compaction failed');
    }
    await clock.sleep(lookMs, signal).catch(() => {});
  }
}

/** The newest revision that had been superseded by the time; what is forgotten is dropped from `seen`. */
function outgrown(seen: { readonly atMs: number; readonly revision: Revision }[], untilMs: number): Revision {
  // A revision was the newest one until the next was seen.
  while (seen[1] && seen[1].atMs <= untilMs) seen.shift();
  const first = seen[0];
  return first && first.atMs <= untilMs ? first.revision : 0n;
}

function max(a: Revision, b: Revision): Revision {
  return a > b ? a : b;
}

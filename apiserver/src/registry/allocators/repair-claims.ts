/** Every server of a store repairs; that they do it at the same time does no harm, for each write is conditional. */
import type { Service } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Revision } from '../../storage/backend.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { resourcePrefix } from '../resource-context.ts';
import type { Claims } from './claims.ts';

export interface RepairDeps {
  readonly claims: Claims;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Upstream's three minutes; longer than any request lasts, since an orphan must have been one at the look before. */
  readonly everyMs?: number;
}

const everyMsDefault = 180_000;

/** Runs until the signal aborts. A look that fails is logged; the next one does its work. */
export async function repairClaims(deps: RepairDeps, signal: AbortSignal): Promise<void> {
  const { clock, log, everyMs = everyMsDefault } = deps;
  let suspects: ReadonlyMap<string, Revision> = new Map();
  while (!signal.aborted) {
    try {
      suspects = await repairOnce(deps, suspects);
    } catch (error) {
      if (!signal.aborted) log.warn({ reason: messageOf(error) }, 'repair of service allocations failed');
    }
    await clock.sleep(everyMs, signal).catch(() => {});
  }
}

/** Removes what was an orphan before and still is one; answers today's orphans. */
async function repairOnce(
  { claims, objects, log }: RepairDeps,
  suspects: ReadonlyMap<string, Revision>,
): Promise<ReadonlyMap<string, Revision>> {
  const problems = await claims.restore(storedServices(objects));
  for (const problem of problems) log.warn({ problem }, 'another service has it');
  const found = new Map<string, Revision>();
  for (const orphan of [...claims.orphans()]) {
    const { key, modRevision } = orphan.claim;
    if (suspects.get(key) === modRevision) await claims.removeOrphan(orphan);
    else found.set(key, modRevision);
  }
  return found;
}

export function storedServices(objects: ObjectStore): Service[] {
  return Array.from(
    objects.cachedList(resourcePrefix({ group: '', resource: 'services' })),
    ({ object }) => object as Service,
  );
}

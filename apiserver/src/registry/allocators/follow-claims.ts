import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { ObjectStore, StoreEvent } from '../../storage/object-store.ts';
import { type ClaimKind, claimPrefix } from './claims.ts';
import type { ServiceAllocators } from './service-allocators.ts';

/**
 * Keeps the allocators in memory near to what all servers have claimed, so that they seldom choose what is taken. Being late does no harm:
 * the claim decides. Returns the function that ends it.
 */
export function followClaims(allocators: ServiceAllocators, objects: ObjectStore, log: Logger): () => void {
  const cancels = (['address', 'port'] as const).map((kind) => followKind(kind, allocators, objects, log));
  return () => {
    for (const cancel of cancels) cancel();
  };
}

function followKind(
  kind: ClaimKind,
  { clusterIps, nodePorts }: ServiceAllocators,
  objects: ObjectStore,
  log: Logger,
): () => void {
  const prefix = claimPrefix(kind);
  const take = (name: string) => (kind === 'address' ? clusterIps.take(name) : nodePorts.take(Number(name)));
  const release = (name: string) => (kind === 'address' ? clusterIps.release(name) : nodePorts.release(Number(name)));
  let cancel = () => {};
  const follow = () => {
    const after = objects.revision;
    for (const { object } of objects.cachedList(prefix)) take(object.metadata.name ?? '');
    cancel = objects.subscribe(prefix, after, {
      onEvents: (events: readonly StoreEvent[]) => {
        for (const { current, previous } of events) {
          if (current) take(current.object.metadata.name ?? '');
          else release(previous?.object.metadata.name ?? '');
        }
      },
      onEnd: (error) => {
        if (error === undefined) return;
        log.warn({ reason: messageOf(error) }, 'claims are read again');
        if (kind === 'address') clusterIps.clear();
        else nodePorts.clear();
        follow();
      },
    });
  };
  follow();
  return () => cancel();
}

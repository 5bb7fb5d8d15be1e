import type { KubeObject, Pod } from '@slipway/api/types';
import type { LedgerChange } from '../ledger.ts';
import type { World } from '../world.ts';
import type { Checker } from './checker.ts';
import { isReady } from './replicas.ts';

/** As of the bounds: what a controller has seen may be so old. */
const staleMs = 120_000;

/** An ordered set makes a pod only when those before it have been ready. That a pod's name never runs twice is with the identities. */
export function ordinals(): Checker {
  /** When a pod was last seen ready, by NAMESPACE/NAME. */
  const readyAtMs = new Map<string, number>();
  return {
    name: 'ordinals',
    changed: (change, world) => {
      if (change.resource !== 'core/pods') return undefined;
      const key = `${change.object.metadata.namespace}/${change.object.metadata.name}`;
      const isOrWasReady = isReady(change.object as Pod) || (change.before && isReady(change.before.object as Pod));
      if (isOrWasReady) readyAtMs.set(key, world.clock.monotonicMs());
      if (change.type !== 'put' || change.before) return undefined;
      return outOfOrder(change, world, (pod) => {
        const current = world.ledger.get(`/registry/core/pods/${pod}`);
        return (
          (current && isReady(current.object as Pod)) ||
          world.clock.monotonicMs() - (readyAtMs.get(pod) ?? 0) <= staleMs
        );
      });
    },
  };
}

function outOfOrder(
  { object, revision }: LedgerChange,
  { ledger }: World,
  wasReady: (pod: string) => boolean,
): string | undefined {
  const { namespace, name = '', ownerReferences = [] } = object.metadata;
  const owner = ownerReferences.find(({ kind, controller }) => controller && kind === 'StatefulSet');
  const set = owner && ledger.get(`/registry/apps/statefulsets/${namespace}/${owner.name}`)?.object;
  if (!set || !isOrdered(set)) return undefined;
  const ordinal = Number(name.slice(name.lastIndexOf('-') + 1));
  for (let before = 0; before < ordinal; before++) {
    const pod = `${namespace}/${owner.name}-${before}`;
    if (!wasReady(pod)) return `${namespace}/${name} is made at revision ${revision}, and ${pod} has not been ready`;
  }
  return undefined;
}

function isOrdered({ spec }: KubeObject & { readonly spec?: { readonly podManagementPolicy?: string } }): boolean {
  return spec?.podManagementPolicy !== 'Parallel';
}

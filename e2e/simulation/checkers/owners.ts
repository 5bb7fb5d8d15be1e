import type { KubeObject } from '@slipway/api/types';
import type { Checker } from './checker.ts';

/** Nothing outlives all of its owners, or its namespace, and nothing is on its way out for ever. */
export function owners(): Checker {
  return {
    name: 'owners',
    settled: async ({ ledger }) => {
      const uids = new Set<string>();
      const objects = new Map<string, KubeObject>();
      for (const { key, object } of ledger.current()) {
        if (object.metadata.uid) uids.add(object.metadata.uid);
        objects.set(key, object);
      }
      for (const [key, { metadata }] of objects) {
        const { ownerReferences = [], namespace, deletionTimestamp } = metadata;
        if (deletionTimestamp)
          return `${key} is on its way out since ${deletionTimestamp} (finalizers: ${metadata.finalizers?.join(', ')})`;
        if (ownerReferences.length > 0 && !ownerReferences.some(({ uid }) => uids.has(uid))) {
          return `${key} is left over: ${ownerReferences.map(({ kind, name }) => `${kind} ${name}`).join(', ')} is gone`;
        }
        if (namespace && !objects.has(`/registry/core/namespaces/${namespace}`))
          return `${key} is in a namespace that is not there`;
      }
      return undefined;
    },
  };
}

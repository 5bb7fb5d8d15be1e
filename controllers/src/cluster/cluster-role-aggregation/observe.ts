import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import type { ObservedRole } from './plan.ts';

export function observeRole(key: ObjectKey, caches: Caches): ObservedRole | undefined {
  const role = caches.get(kinds.clusterRoles, key);
  return role?.aggregationRule ? { role, all: caches.list(kinds.clusterRoles) } : undefined;
}

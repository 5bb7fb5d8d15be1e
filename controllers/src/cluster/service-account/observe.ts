import type { Namespace, ServiceAccount } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';

export const defaultAccountName = 'default';

export interface ObservedNamespaceAccounts {
  readonly namespace: Namespace;
  readonly account: ServiceAccount | undefined;
}

export function observeAccounts(key: ObjectKey, caches: Caches): ObservedNamespaceAccounts | undefined {
  const namespace = caches.get(kinds.namespaces, key);
  if (!namespace) return undefined;
  return { namespace, account: caches.get(kinds.serviceAccounts, `${key}/${defaultAccountName}`) };
}

import type { ConfigMap, Namespace } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';

export const rootCaName = 'kube-root-ca.crt';

export interface ObservedRootCa {
  readonly namespace: Namespace;
  readonly configMap: ConfigMap | undefined;
}

export function observeRootCa(key: ObjectKey, caches: Caches): ObservedRootCa | undefined {
  const namespace = caches.get(kinds.namespaces, key);
  return namespace && { namespace, configMap: caches.get(kinds.configMaps, `${key}/${rootCaName}`) };
}

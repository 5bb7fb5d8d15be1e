import type { Endpoints, Pod, Service } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { podMatcherOf } from '../endpoint-slice/observe.ts';

export interface ObservedEndpoints {
  readonly service: Service;
  /** Pods that its selector matches. */
  readonly pods: readonly Pod[];
  readonly endpoints: Endpoints | undefined;
}

/** Undefined for services that somebody else gives endpoints: without a selector, or an external name. */
export function observeEndpoints(key: ObjectKey, caches: Caches): ObservedEndpoints | undefined {
  const service = caches.get(kinds.services, key);
  const matcher = service && podMatcherOf(service);
  if (!matcher) return undefined;
  const pods = caches.inNamespace(kinds.pods, service.metadata.namespace ?? '');
  return {
    service,
    pods: pods.filter((pod) => matcher.matches(pod.metadata.labels)),
    endpoints: caches.get(kinds.endpoints, key),
  };
}

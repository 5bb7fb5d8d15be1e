import { isIPv6 } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, EndpointSlice, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import type { Plan, Step } from '../../runtime/step.ts';
import type { AddressType } from '../endpoint-slice/endpoints-of-service.ts';
import { managedByLabel } from '../endpoint-slice/observe.ts';
import type { PodAliases } from './aliases-of-pod.ts';
import { managedBy, networkAnnotation, type ObservedAliases, podAnnotation } from './observe.ts';

/** One slice: what a pod is called on one Network, for one family of its addresses. */
interface Draft {
  readonly network: string;
  readonly addressType: AddressType;
  readonly endpoints: readonly Endpoint[];
}

export function planAliases({ pod, aliases, slices }: ObservedAliases): Plan {
  const spare = slices.filter((slice) => !slice.metadata.deletionTimestamp);
  const writes = aliases
    .flatMap((each) => draftsOf(pod, each))
    .flatMap((draft) => {
      const at = spare.findIndex((slice) => isSliceOf(slice, draft));
      const [slice] = at < 0 ? [] : spare.splice(at, 1);
      return write(pod, draft, slice);
    });
  return { steps: [...writes, ...spare.map(remove)], status: 'unchanged' };
}

export function planGoneAliases(slices: readonly EndpointSlice[]): readonly Step[] {
  return slices.filter((slice) => !slice.metadata.deletionTimestamp).map(remove);
}

function draftsOf(pod: Pod, { network, aliases, addresses }: PodAliases): Draft[] {
  const { namespace, name, uid } = pod.metadata;
  const { nodeName } = pod.spec;
  const targetRef = {
    kind: 'Pod',
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
    ...(uid ? { uid } : {}),
  };
  return (['IPv4', 'IPv6'] as const).flatMap((addressType) => {
    const own = addresses.filter((address) => isIPv6(address) === (addressType === 'IPv6'));
    if (own.length === 0) return [];
    const endpoints = aliases.map((hostname) => ({
      addresses: own,
      conditions: { ready: true },
      hostname,
      ...(nodeName ? { nodeName } : {}),
      targetRef,
    }));
    return [{ network, addressType, endpoints }];
  });
}

function isSliceOf({ metadata, addressType }: EndpointSlice, draft: Draft): boolean {
  return addressType === draft.addressType && metadata.annotations?.[networkAnnotation] === draft.network;
}

function write(pod: Pod, { network, addressType, endpoints }: Draft, slice: EndpointSlice | undefined): Step[] {
  if (slice) {
    if (isDeepStrictEqual(slice.endpoints ?? [], endpoints)) return [];
    return [{ op: 'patch', kind: kinds.endpointSlices, target: slice, patch: { endpoints } }];
  }
  const { namespace, name = '' } = pod.metadata;
  const object: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      ...(namespace ? { namespace } : {}),
      labels: { [managedByLabel]: managedBy },
      annotations: { [networkAnnotation]: network, [podAnnotation]: name },
      ownerReferences: [controllerReferenceTo({ ...pod, apiVersion: 'v1', kind: 'Pod' })],
    },
    addressType,
    endpoints: [...endpoints],
    ports: [],
  };
  const message = `Error publishing aliases on network ${network}: {error}`;
  const failed = { type: 'Warning', reason: 'FailedToPublishAliases', message } as const;
  return [{ op: 'create', kind: kinds.endpointSlices, object, tells: { about: pod, failed } }];
}

function remove(target: EndpointSlice): Step {
  return { op: 'delete', kind: kinds.endpointSlices, target };
}

/**
 * Slices are kept as they are as far as possible: an endpoint stays in the slice that has it, so that a change of one
 * pod is a write of one slice, whatever the service's size. A slice that is not needed any more is first offered to
 * what needs a new one.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, EndpointSlice, Service } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import type { Plan, Step } from '../../runtime/step.ts';
import {
  type AddressType,
  addressTypesOf,
  type EndpointGroup,
  endpointGroups,
  type SlicePort,
} from './endpoints-of-service.ts';
import { managedBy, managedByLabel, type ObservedService, serviceNameLabel } from './observe.ts';

/** Endpoints in one slice; every watcher gets the whole slice when one of them changes. */
export const endpointsPerSlice = 100;

/** What one slice is to hold; `slice` is the one that holds it now, if any. */
interface Draft {
  readonly slice: EndpointSlice | undefined;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

export function planEndpointSlices(observed: ObservedService): Plan {
  const { service, pods, slices, zones } = observed;
  if (service.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const types = addressTypesOf(service);
  const alive = slices.filter((slice) => !slice.metadata.deletionTimestamp);
  const steps = types.flatMap((type) => {
    const existing = alive.filter(({ addressType }) => addressType === type);
    return planFamily(service, type, existing, endpointGroups(service, pods, type, zones));
  });
  const otherFamily = alive.filter(({ addressType }) => !types.includes(addressType as AddressType));
  return { steps: [...steps, ...otherFamily.map(remove)], status: 'unchanged' };
}

function planFamily(
  service: Service,
  addressType: AddressType,
  existing: readonly EndpointSlice[],
  groups: readonly EndpointGroup[],
): Step[] {
  const drafts = groups.flatMap((group) => draftGroup(group, existing));
  // A service without endpoints says so by an empty slice.
  if (drafts.length === 0) drafts.push({ slice: undefined, ports: [], endpoints: [] });
  const kept = new Set(drafts.map(({ slice }) => slice));
  const spare = existing.filter((slice) => !kept.has(slice));
  const placed = drafts.map((draft) => (draft.slice ? draft : { ...draft, slice: spare.shift() }));
  return [...placed.flatMap((draft) => write(service, addressType, draft)), ...spare.map(remove)];
}

function draftGroup({ ports, endpoints }: EndpointGroup, existing: readonly EndpointSlice[]): Draft[] {
  const wanted = new Map(endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const matching = existing.filter((slice) => isDeepStrictEqual(slice.ports ?? [], ports));
  const kept = matching.map((slice) => {
    const stay: Endpoint[] = [];
    for (const { addresses, targetRef } of slice.endpoints ?? []) {
      const identity = identityOf({ addresses, ...(targetRef ? { targetRef } : {}) });
      const endpoint = wanted.get(identity);
      if (endpoint && stay.length < endpointsPerSlice) {
        stay.push(endpoint);
        wanted.delete(identity);
      }
    }
    return { slice: slice as EndpointSlice | undefined, ports, endpoints: stay };
  });
  const drafts = kept.filter((draft) => draft.endpoints.length > 0);
  const rest = [...wanted.values()];
  // The fullest first: what has room for little is filled before what has room for much.
  for (const draft of drafts.toSorted((a, b) => b.endpoints.length - a.endpoints.length)) {
    draft.endpoints.push(...rest.splice(0, endpointsPerSlice - draft.endpoints.length));
  }
  while (rest.length > 0) drafts.push({ slice: undefined, ports, endpoints: rest.splice(0, endpointsPerSlice) });
  return drafts;
}

function identityOf({ targetRef, addresses }: Endpoint): string {
  return targetRef?.uid ?? addresses.join(',');
}

function write(service: Service, addressType: AddressType, { slice, ports, endpoints }: Draft): Step[] {
  const labels = labelsOf(service);
  const content = { endpoints: [...endpoints], ports: [...ports] };
  if (!slice) return [create(service, addressType, labels, content)];
  const isSame =
    isDeepStrictEqual(slice.endpoints ?? [], content.endpoints) &&
    isDeepStrictEqual(slice.ports ?? [], content.ports) &&
    isDeepStrictEqual(slice.metadata.labels, labels);
  if (isSame) return [];
  const gone = Object.keys(slice.metadata.labels ?? {}).filter((label) => !(label in labels));
  const patch = {
    metadata: { labels: { ...labels, ...Object.fromEntries(gone.map((label) => [label, null])) } },
    ...content,
  };
  return [{ op: 'patch', kind: kinds.endpointSlices, target: slice, patch }];
}

function create(
  service: Service,
  addressType: AddressType,
  labels: Record<string, string>,
  content: Pick<EndpointSlice, 'endpoints' | 'ports'>,
): Step {
  const { namespace, name } = service.metadata;
  const metadata = {
    generateName: `${name}-`,
    ...(namespace ? { namespace } : {}),
    labels,
    ownerReferences: [controllerReferenceTo(service)],
  };
  const object: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata,
    addressType,
    ...content,
  };
  return {
    op: 'create',
    kind: kinds.endpointSlices,
    object,
    tells: {
      about: service,
      failed: {
        type: 'Warning',
        reason: 'FailedToUpdateEndpointSlices',
        message: `Error updating Endpoint Slices for Service ${namespace}/${name}: {error}`,
      },
    },
  };
}

const headlessLabel = 'service.kubernetes.io/headless';

/** The service's own labels, and those by which a slice is found. */
function labelsOf({ metadata, spec }: Service): Record<string, string> {
  const { [headlessLabel]: _, ...own } = metadata.labels ?? {};
  return {
    ...own,
    ...(spec.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
    [serviceNameLabel]: metadata.name ?? '',
    [managedByLabel]: managedBy,
  };
}

function remove(target: EndpointSlice): Step {
  return { op: 'delete', kind: kinds.endpointSlices, target };
}

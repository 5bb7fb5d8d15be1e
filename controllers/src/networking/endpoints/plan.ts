import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, Endpoints, Service } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import type { Plan, Step } from '../../runtime/step.ts';
import { addressTypesOf, type EndpointGroup, endpointGroups } from '../endpoint-slice/endpoints-of-service.ts';
import type { ObservedEndpoints } from './observe.ts';

type Subset = NonNullable<Endpoints['subsets']>[number];
type Address = NonNullable<Subset['addresses']>[number];

/** Every watcher gets the whole object when one pod changes, so upstream stops here; slices have no such bound. */
export const addressesMax = 1000;
const overCapacity = 'endpoints.kubernetes.io/over-capacity';
const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const headlessLabel = 'service.kubernetes.io/headless';

export function planEndpoints({ service, pods, endpoints }: ObservedEndpoints): Plan {
  if (service.metadata.deletionTimestamp || endpoints?.metadata.deletionTimestamp) return nothing;
  const [family = 'IPv4'] = addressTypesOf(service);
  const groups = endpointGroups(service, pods, family, new Map());
  const { subsets, isTruncated } = truncated(groups.map(subsetOf).filter(hasAddresses).toSorted(byPorts));
  const labels = labelsOf(service);
  if (!endpoints) return { steps: [create(service, labels, subsets, isTruncated)], status: 'unchanged' };
  const isSame =
    isDeepStrictEqual(endpoints.subsets ?? [], subsets) &&
    isDeepStrictEqual(endpoints.metadata.labels, labels) &&
    (endpoints.metadata.annotations?.[overCapacity] !== undefined) === isTruncated;
  return isSame ? nothing : { steps: [change(endpoints, labels, subsets, isTruncated)], status: 'unchanged' };
}

const nothing: Plan = { steps: [], status: 'unchanged' };

function subsetOf({ ports, endpoints }: EndpointGroup): Subset {
  const staying = endpoints.filter(({ conditions }) => !conditions?.terminating || conditions.ready);
  const ready = staying.filter(({ conditions }) => conditions?.ready).map(addressOf);
  const notReady = staying.filter(({ conditions }) => !conditions?.ready).map(addressOf);
  return {
    ...(ready.length > 0 ? { addresses: ready.toSorted(byIp) } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: notReady.toSorted(byIp) } : {}),
    ...(ports.length > 0 ? { ports: ports.map(withoutEmptyName) } : {}),
  } as Subset;
}

/** A port without a name has none here, and an empty one in a slice. */
function withoutEmptyName({ name, ...port }: EndpointGroup['ports'][number]): object {
  return name ? { name, ...port } : port;
}

function addressOf({ addresses, hostname, nodeName, targetRef }: Endpoint): Address {
  return {
    ip: addresses[0] ?? '',
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(targetRef ? { targetRef } : {}),
  };
}

const byIp = (a: Address, b: Address) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0);
const byPorts = (a: Subset, b: Subset) => (JSON.stringify(a.ports) < JSON.stringify(b.ports) ? -1 : 1);
const countOf = ({ addresses = [], notReadyAddresses = [] }: Subset) => addresses.length + notReadyAddresses.length;
const hasAddresses = (subset: Subset) => countOf(subset) > 0;

/** Keeps the ready addresses before those that are not. */
function truncated(subsets: readonly Subset[]): { subsets: Subset[]; isTruncated: boolean } {
  const total = subsets.reduce((sum, subset) => sum + countOf(subset), 0);
  if (total <= addressesMax) return { subsets: [...subsets], isTruncated: false };
  let left = addressesMax;
  const take = (addresses: Address[] | undefined) => {
    const taken = addresses?.slice(0, left);
    left -= taken?.length ?? 0;
    return taken?.length ? taken : undefined;
  };
  const ready = subsets.map(({ addresses }) => take(addresses));
  const cut = subsets.map(({ ports, notReadyAddresses }, i) => {
    const others = take(notReadyAddresses);
    return {
      ...(ready[i] ? { addresses: ready[i] } : {}),
      ...(others ? { notReadyAddresses: others } : {}),
      ...(ports ? { ports } : {}),
    };
  });
  return { subsets: cut.filter(hasAddresses), isTruncated: true };
}

function labelsOf({ metadata, spec }: Service): Record<string, string> {
  const { [headlessLabel]: _, ...own } = metadata.labels ?? {};
  return {
    ...own,
    ...(spec.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
    [managedByLabel]: 'endpoint-controller',
  };
}

function create(service: Service, labels: Record<string, string>, subsets: Subset[], isTruncated: boolean): Step {
  const { namespace, name } = service.metadata;
  const object: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...(name ? { name } : {}),
      ...(namespace ? { namespace } : {}),
      labels,
      ...(isTruncated ? { annotations: { [overCapacity]: 'truncated' } } : {}),
      ownerReferences: [controllerReferenceTo(service)],
    },
    subsets,
  };
  const message = `Failed to create endpoint for service ${namespace}/${name}: {error}`;
  const tells = { about: service, failed: { type: 'Warning', reason: 'FailedToCreateEndpoint', message } } as const;
  return { op: 'create', kind: kinds.endpoints, object, tells };
}

function change(target: Endpoints, labels: Record<string, string>, subsets: Subset[], isTruncated: boolean): Step {
  const gone = Object.keys(target.metadata.labels ?? {}).filter((label) => !(label in labels));
  const metadata = {
    labels: { ...labels, ...Object.fromEntries(gone.map((label) => [label, null])) },
    annotations: { [overCapacity]: isTruncated ? 'truncated' : null },
  };
  return { op: 'patch', kind: kinds.endpoints, target, patch: { metadata, subsets } };
}

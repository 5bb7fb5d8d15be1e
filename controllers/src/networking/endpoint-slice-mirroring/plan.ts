import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, Endpoints, EndpointSlice } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import type { Plan, Step } from '../../runtime/step.ts';
import type { AddressType, SlicePort } from '../endpoint-slice/endpoints-of-service.ts';
import { managedByLabel, serviceNameLabel } from '../endpoint-slice/observe.ts';
import { managedBy, type ObservedEndpoints } from './observe.ts';

type Subset = NonNullable<Endpoints['subsets']>[number];
type Address = NonNullable<Subset['addresses']>[number];

/** Of one subset. A slice takes no more, so each subset has one slice for each family of addresses. */
export const addressesMax = 1000;

interface Mirror {
  readonly addressType: AddressType;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

export function planMirror({ endpoints, isMirrored, slices }: ObservedEndpoints): Plan {
  if (endpoints.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const alive = slices.filter((slice) => !slice.metadata.deletionTimestamp).toSorted(byName);
  const { mirrors, skipped } = isMirrored ? mirrorsOf(endpoints) : { mirrors: [], skipped: 0 };
  const spare = [...alive];
  const take = (fits: (slice: EndpointSlice) => boolean) => {
    const at = spare.findIndex(fits);
    return at < 0 ? undefined : spare.splice(at, 1)[0];
  };
  // Each keeps the slice with its ports; what is left over is used anew before another one is made.
  const kept = mirrors.map((mirror) => ({
    mirror,
    slice: take(
      (slice) => slice.addressType === mirror.addressType && isDeepStrictEqual(slice.ports ?? [], mirror.ports),
    ),
  }));
  const writes = kept.flatMap(({ mirror, slice }) =>
    write(endpoints, mirror, slice ?? take(({ addressType }) => addressType === mirror.addressType)),
  );
  const steps = [...writes, ...spare.map(remove)];
  return { steps: [...steps, ...(steps.length > 0 ? tooMany(endpoints, skipped) : [])], status: 'unchanged' };
}

/** Of Endpoints that are gone; the garbage collector would find them too, later. */
export function planGoneMirror(slices: readonly EndpointSlice[]): readonly Step[] {
  return slices.filter((slice) => !slice.metadata.deletionTimestamp).map(remove);
}

/** Subsets with the same ports are one. */
function mirrorsOf({ subsets = [] }: Endpoints): { readonly mirrors: readonly Mirror[]; readonly skipped: number } {
  const mirrors: { addressType: AddressType; ports: readonly SlicePort[]; endpoints: Endpoint[] }[] = [];
  let skipped = 0;
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    const slicePorts = ports.map(portOf);
    const all = [
      ...addresses.map((address) => endpointOf(address, true)),
      ...notReadyAddresses.map((address) => endpointOf(address, false)),
    ];
    for (const endpoint of all) {
      const addressType = addressTypeOf(endpoint);
      if (!addressType) continue;
      const isSame = (each: Mirror) => each.addressType === addressType && isDeepStrictEqual(each.ports, slicePorts);
      const found = mirrors.find(isSame);
      if (!found) mirrors.push({ addressType, ports: slicePorts, endpoints: [endpoint] });
      else if (found.endpoints.length < addressesMax) found.endpoints.push(endpoint);
      else skipped++;
    }
  }
  return { mirrors, skipped };
}

function endpointOf({ ip, hostname, nodeName, targetRef }: Address, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(targetRef ? { targetRef } : {}),
  };
}

function addressTypeOf({ addresses }: Endpoint): AddressType | undefined {
  const family = isIP(addresses[0] ?? '');
  return family === 0 ? undefined : family === 4 ? 'IPv4' : 'IPv6';
}

function portOf({ name = '', port, protocol = 'TCP', appProtocol }: NonNullable<Subset['ports']>[number]): SlicePort {
  return { name, protocol, port, ...(appProtocol ? { appProtocol } : {}) };
}

function write(endpoints: Endpoints, mirror: Mirror, slice: EndpointSlice | undefined): Step[] {
  const [labels, annotations] = [labelsOf(endpoints), annotationsOf(endpoints)];
  const content = { endpoints: [...mirror.endpoints], ports: [...mirror.ports] };
  if (!slice) return [create(endpoints, { labels, annotations }, mirror.addressType, content)];
  const { metadata } = slice;
  const isSame =
    isDeepStrictEqual(slice.endpoints ?? [], content.endpoints) &&
    isDeepStrictEqual(slice.ports ?? [], content.ports) &&
    isDeepStrictEqual(metadata.labels ?? {}, labels) &&
    isDeepStrictEqual(metadata.annotations ?? {}, annotations);
  if (isSame) return [];
  const changed = {
    labels: withoutFormer(metadata.labels, labels),
    annotations: withoutFormer(metadata.annotations, annotations),
  };
  return [{ op: 'patch', kind: kinds.endpointSlices, target: slice, patch: { metadata: changed, ...content } }];
}

function create(
  endpoints: Endpoints,
  marks: { readonly labels: Record<string, string>; readonly annotations: Record<string, string> },
  addressType: AddressType,
  content: Pick<EndpointSlice, 'endpoints' | 'ports'>,
): Step {
  const { namespace, name } = endpoints.metadata;
  const object: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      ...(namespace ? { namespace } : {}),
      ...marks,
      ownerReferences: [controllerReferenceTo({ ...endpoints, apiVersion: 'v1', kind: 'Endpoints' })],
    },
    addressType,
    ...content,
  };
  const message = `Error mirroring Endpoints ${namespace}/${name} to EndpointSlices: {error}`;
  const failed = { type: 'Warning', reason: 'FailedToUpdateEndpointSlices', message } as const;
  return { op: 'create', kind: kinds.endpointSlices, object, tells: { about: endpoints, failed } };
}

function labelsOf({ metadata }: Endpoints): Record<string, string> {
  return { ...metadata.labels, [serviceNameLabel]: metadata.name ?? '', [managedByLabel]: managedBy };
}

/** They speak of the object that they stand on. */
const ownAnnotations = [
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
];

function annotationsOf({ metadata }: Endpoints): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => !ownAnnotations.includes(key)),
  );
}

/** As a merge patch: what is not wanted any more is null. */
function withoutFormer(
  former: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const gone = Object.keys(former ?? {}).filter((key) => !(key in wanted));
  return { ...wanted, ...Object.fromEntries(gone.map((key) => [key, null])) };
}

function tooMany(about: Endpoints, skipped: number): Step[] {
  if (skipped === 0) return [];
  const message = `A max of ${addressesMax} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`;
  return [{ op: 'event', about, type: 'Warning', reason: 'TooManyAddressesToMirror', message }];
}

function remove(target: EndpointSlice): Step {
  return { op: 'delete', kind: kinds.endpointSlices, target };
}

function byName(a: EndpointSlice, b: EndpointSlice): number {
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}

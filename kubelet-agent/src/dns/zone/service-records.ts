import type { EndpointSlice, Service } from '@slipway/api/types';
import { encodeName } from '../wire/domain-name.ts';
import type { EndpointRecord, ServiceRecord } from './cluster-view.ts';

/** Objects of the API as the zone sees them. Made when somebody first asks, and kept as long as the object is. */

const serviceNameLabel = 'kubernetes.io/service-name';

/** Undefined for a slice that belongs to no service. */
export function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[serviceNameLabel];
  return name && `${metadata.namespace}/${name}`;
}

const services = new WeakMap<Service, ServiceRecord>();

export function serviceRecord(service: Service): ServiceRecord {
  const known = services.get(service);
  if (known) return known;
  const made = readService(service);
  services.set(service, made);
  return made;
}

function readService({ metadata, spec }: Service): ServiceRecord {
  const isHeadless = spec.clusterIP === 'None';
  const clusterIps = spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP ?? ''];
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    isHeadless,
    externalName: spec.type === 'ExternalName' ? externalName(spec.externalName) : undefined,
    clusterIps: isHeadless || spec.type === 'ExternalName' ? [] : clusterIps.filter((address) => address !== ''),
    ports: (spec.ports ?? []).map(({ name = '', protocol = 'TCP', port }) => portRecord(name, protocol, port)),
  };
}

/** Undefined for what cannot be a name in DNS, though the API takes it: a label of more than 63 letters. */
function externalName(name: string | undefined): string | undefined {
  const plain = name?.toLowerCase().replace(/\.$/, '');
  return plain && encodeName(plain) ? plain : undefined;
}

const endpoints = new WeakMap<EndpointSlice, readonly EndpointRecord[]>();

/** Endpoints that take traffic; a slice of names (addressType FQDN) has no addresses to give. */
export function endpointRecords(slice: EndpointSlice | undefined): readonly EndpointRecord[] {
  if (!slice || slice.addressType === 'FQDN') return [];
  const known = endpoints.get(slice);
  if (known) return known;
  const made = readSlice(slice);
  endpoints.set(slice, made);
  return made;
}

function readSlice(slice: EndpointSlice): readonly EndpointRecord[] {
  const ports = (slice.ports ?? []).flatMap(({ name, protocol, port }) =>
    typeof port === 'number' ? [portRecord(name ?? '', protocol ?? 'TCP', port)] : [],
  );
  return (slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready ?? true)
    .flatMap(({ addresses, hostname }) =>
      (addresses ?? []).map((address) => ({ address, hostname: hostname?.toLowerCase() || dashed(address), ports })),
    );
}

/** As upstream: a name does not end with a dash. */
function dashed(address: string): string {
  const name = address.toLowerCase().replace(/[.:]/g, '-');
  return name.endsWith('-') ? `${name}0` : name;
}

function portRecord(name: string, protocol: string, port: number) {
  return { name: name.toLowerCase(), protocol: protocol.toLowerCase(), port };
}

import type { EndpointSlice, Service } from '@slipway/api/types';
import type { CacheReader, Change } from '@slipway/client/cache';
import type { ClusterView, EndpointRecord, ServiceRecord } from './zone.ts';

const serviceNameLabel = 'kubernetes.io/service-name';

/**
 * What the zone asks for, kept up to date by the changes of two caches. Nothing is lost while the API server is away: the
 * last state goes on being answered.
 */
export class ServiceDirectory implements ClusterView {
  readonly #services: CacheReader<Service>;
  readonly #endpointSlices: CacheReader<EndpointSlice>;
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  readonly #namespaces = new Map<string, number>();
  /** Address → keys of the services or slices that have it. */
  readonly #serviceIps = new Map<string, Set<string>>();
  readonly #endpointIps = new Map<string, Set<string>>();

  constructor(services: CacheReader<Service>, endpointSlices: CacheReader<EndpointSlice>) {
    this.#services = services;
    this.#endpointSlices = endpointSlices;
    this.#serviceChanges(services.list().map((after) => ({ key: keyOf(after), before: undefined, after })));
    this.#sliceChanges(endpointSlices.list().map((after) => ({ key: keyOf(after), before: undefined, after })));
    services.subscribe((changes) => this.#serviceChanges(changes));
    endpointSlices.subscribe((changes) => this.#sliceChanges(changes));
  }

  get isReady(): boolean {
    return this.#services.isSynced && this.#endpointSlices.isSynced;
  }

  hasNamespace(namespace: string): boolean {
    return this.#namespaces.has(namespace);
  }

  service(namespace: string, name: string): ServiceRecord | undefined {
    const service = this.#services.get(`${namespace}/${name}`);
    return service && serviceRecord(service);
  }

  endpoints(namespace: string, name: string): readonly EndpointRecord[] {
    const slices = this.#slices.get(`${namespace}/${name}`);
    return slices ? unique([...slices.values()].flatMap(endpointRecords)) : [];
  }

  servicesWithIp(address: string): readonly ServiceRecord[] {
    return [...(this.#serviceIps.get(address) ?? [])].flatMap((key) => {
      const service = this.#services.get(key);
      return service ? [serviceRecord(service)] : [];
    });
  }

  endpointsWithIp(address: string): readonly { service: ServiceRecord; endpoint: EndpointRecord }[] {
    return [...(this.#endpointIps.get(address) ?? [])].flatMap((key) => {
      const slice = this.#endpointSlices.get(key);
      const service = slice && this.#services.get(serviceKeyOf(slice) ?? '');
      const endpoint = slice && endpointRecords(slice).find((each) => each.address === address);
      return service && endpoint ? [{ service: serviceRecord(service), endpoint }] : [];
    });
  }

  #serviceChanges(changes: readonly Change<Service>[]): void {
    for (const { key, before, after } of changes) {
      if (before) {
        count(this.#namespaces, before.metadata.namespace ?? '', -1);
        for (const address of serviceRecord(before).clusterIps) removeKey(this.#serviceIps, address, key);
      }
      if (!after) continue;
      count(this.#namespaces, after.metadata.namespace ?? '', 1);
      for (const address of serviceRecord(after).clusterIps) addKey(this.#serviceIps, address, key);
    }
  }

  #sliceChanges(changes: readonly Change<EndpointSlice>[]): void {
    for (const { key, before, after } of changes) {
      if (before) {
        for (const { address } of endpointRecords(before)) removeKey(this.#endpointIps, address, key);
        const service = serviceKeyOf(before) ?? '';
        this.#slices.get(service)?.delete(key);
        if (this.#slices.get(service)?.size === 0) this.#slices.delete(service);
      }
      const service = after && serviceKeyOf(after);
      if (!after || !service) continue;
      for (const { address } of endpointRecords(after)) addKey(this.#endpointIps, address, key);
      const slices = this.#slices.get(service) ?? new Map<string, EndpointSlice>();
      this.#slices.set(service, slices.set(key, after));
    }
  }
}

function keyOf({ metadata }: Service | EndpointSlice): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[serviceNameLabel];
  return name && `${metadata.namespace}/${name}`;
}

function serviceRecord({ metadata, spec }: Service): ServiceRecord {
  const isHeadless = spec.clusterIP === 'None';
  const clusterIps = spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP ?? ''];
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    isHeadless,
    externalName: spec.type === 'ExternalName' ? spec.externalName?.toLowerCase().replace(/\.$/, '') : undefined,
    clusterIps: isHeadless || spec.type === 'ExternalName' ? [] : clusterIps.filter((address) => address !== ''),
    ports: (spec.ports ?? []).map(({ name = '', protocol = 'TCP', port }) => ({ name, protocol, port })),
  };
}

/** Endpoints that take traffic; a slice of names (addressType FQDN) has no addresses to give. */
function endpointRecords(slice: EndpointSlice): readonly EndpointRecord[] {
  if (slice.addressType === 'FQDN') return [];
  const ports = (slice.ports ?? []).flatMap(({ name, protocol, port }) =>
    typeof port === 'number' ? [{ name: name ?? '', protocol: protocol ?? 'TCP', port }] : [],
  );
  return (slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready ?? true)
    .flatMap(({ addresses, hostname }) =>
      (addresses ?? []).map((address) => ({ address, hostname: hostname || address.replace(/[.:]/g, '-'), ports })),
    );
}

function unique(endpoints: readonly EndpointRecord[]): readonly EndpointRecord[] {
  return [...new Map(endpoints.map((each) => [each.address, each])).values()];
}

function count(counts: Map<string, number>, key: string, by: number): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next > 0) counts.set(key, next);
  else counts.delete(key);
}

function addKey(index: Map<string, Set<string>>, address: string, key: string): void {
  const keys = index.get(address) ?? new Set<string>();
  index.set(address, keys.add(key));
}

function removeKey(index: Map<string, Set<string>>, address: string, key: string): void {
  const keys = index.get(address);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(address);
}

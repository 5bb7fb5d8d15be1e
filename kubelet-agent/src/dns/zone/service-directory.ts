import type { EndpointSlice, Namespace, Service } from '@slipway/api/types';
import type { CacheReader, Change } from '@slipway/client/cache';
import type { Clock } from '@slipway/kit/clock';
import { AddressIndex } from './address-index.ts';
import type { ClusterView, EndpointRecord, ServiceRecord } from './cluster-view.ts';
import { endpointRecords, serviceKeyOf, serviceRecord } from './service-records.ts';

export interface DirectoryCaches {
  readonly services: CacheReader<Service>;
  readonly endpointSlices: CacheReader<EndpointSlice>;
  /** Without them a namespace is known by its services alone. */
  readonly namespaces?: CacheReader<Namespace>;
}

/** The part of the view that services and their endpoints make. */
export type ServiceView = Omit<ClusterView, 'networksOf' | 'aliasAddresses' | 'aliasesWithIp'>;

/**
 * What the zone asks for, kept up to date by the changes of the caches. Nothing is lost while the API server is away: the
 * last state goes on being answered. Objects are not copied: beside the caches there are two indexes by address and one
 * by service, and a change touches what it names.
 */
export class ServiceDirectory implements ServiceView {
  readonly #caches: DirectoryCaches;
  readonly #clock: Clock;
  /** Service → its slices by key. */
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  readonly #serviceIps = new AddressIndex();
  readonly #endpointIps = new AddressIndex();
  #serial: number;

  constructor(caches: DirectoryCaches, clock: Clock) {
    this.#caches = caches;
    this.#clock = clock;
    this.#serial = secondsOf(clock);
    const { services, endpointSlices } = caches;
    this.#serviceChanges(services.list().map((after) => ({ key: keyOf(after), before: undefined, after })));
    this.#sliceChanges(endpointSlices.list().map((after) => ({ key: keyOf(after), before: undefined, after })));
    services.subscribe((changes) => this.#serviceChanges(changes));
    endpointSlices.subscribe((changes) => this.#sliceChanges(changes));
  }

  get isReady(): boolean {
    const { services, endpointSlices } = this.#caches;
    return services.isSynced && endpointSlices.isSynced;
  }

  get serial(): number {
    return this.#serial;
  }

  hasNamespace(namespace: string): boolean {
    const { namespaces, services } = this.#caches;
    if (!namespaces) return services.inNamespace(namespace).length > 0;
    // Until they are known, none is said not to exist.
    return !namespaces.isSynced || namespaces.get(namespace) !== undefined;
  }

  service(namespace: string, name: string): ServiceRecord | undefined {
    const service = this.#caches.services.get(`${namespace}/${name}`);
    return service && serviceRecord(service);
  }

  endpoints(namespace: string, name: string): readonly EndpointRecord[] {
    const slices = this.#slices.get(`${namespace}/${name}`);
    if (!slices) return [];
    return slices.size === 1 ? endpointRecords([...slices.values()][0]) : [...slices.values()].flatMap(endpointRecords);
  }

  servicesWithIp(address: string): readonly ServiceRecord[] {
    return this.#serviceIps.keysOf(address).flatMap((key) => {
      const service = this.#caches.services.get(key);
      return service ? [serviceRecord(service)] : [];
    });
  }

  endpointsWithIp(address: string): readonly { service: ServiceRecord; endpoint: EndpointRecord }[] {
    return this.#endpointIps.keysOf(address).flatMap((key) => {
      const slice = this.#caches.endpointSlices.get(key);
      const service = slice && this.#caches.services.get(serviceKeyOf(slice) ?? '');
      const endpoint = endpointRecords(slice).find((each) => each.address === address);
      return service && endpoint ? [{ service: serviceRecord(service), endpoint }] : [];
    });
  }

  #serviceChanges(changes: readonly Change<Service>[]): void {
    for (const { key, before, after } of changes) {
      if (before) for (const address of serviceRecord(before).clusterIps) this.#serviceIps.remove(address, key);
      if (after) for (const address of serviceRecord(after).clusterIps) this.#serviceIps.add(address, key);
    }
    this.#serial = secondsOf(this.#clock);
  }

  #sliceChanges(changes: readonly Change<EndpointSlice>[]): void {
    for (const { key, before, after } of changes) {
      const [former, service] = [before && serviceKeyOf(before), after && serviceKeyOf(after)];
      if (before && former) {
        for (const address of addressesOf(before)) this.#endpointIps.remove(address, key);
        this.#slices.get(former)?.delete(key);
        if (this.#slices.get(former)?.size === 0) this.#slices.delete(former);
      }
      if (!after || !service) continue;
      for (const address of addressesOf(after)) this.#endpointIps.add(address, key);
      const slices = this.#slices.get(service) ?? new Map<string, EndpointSlice>();
      this.#slices.set(service, slices.set(key, after));
    }
    this.#serial = secondsOf(this.#clock);
  }
}

function keyOf({ metadata }: Service | EndpointSlice): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** All of them, whether they take traffic or not: the index is checked against the slice when it is read. */
function* addressesOf({ endpoints }: EndpointSlice): Iterable<string> {
  for (const { addresses } of endpoints ?? []) yield* addresses ?? [];
}

function secondsOf(clock: Clock): number {
  return Math.floor(clock.nowMs() / 1000);
}

import type { EndpointSlice, Pod } from '@slipway/api/types';
import type { CacheReader, Change } from '@slipway/client/cache';
import { AddressIndex } from './address-index.ts';
import type { ClusterView } from './cluster-view.ts';

/** Slices of one pod's aliases on one Network, written by the controller `network-aliases`; not of any service. */
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const managedBy = 'network-aliases.slipway.dev';
const networkAnnotation = 'slipway.dev/network';
/** What the agent writes on a pod once its interfaces are there. */
const networkStatusAnnotation = 'k8s.v1.cni.cncf.io/network-status';

/** The part of the view that Networks make: who is on which, and which aliases are there. */
export type AliasView = Pick<ClusterView, 'networksOf' | 'aliasAddresses' | 'aliasesWithIp'>;

/** `pods` are this node's own: nobody else asks this node's server. */
export class NetworkAliases implements AliasView {
  readonly #pods: CacheReader<Pod>;
  readonly #slices: CacheReader<EndpointSlice>;
  /** `NETWORK/ALIAS` → keys of slices. */
  readonly #byAlias = new AddressIndex();
  readonly #byAddress = new AddressIndex();
  readonly #podsByIp = new AddressIndex();

  constructor(slices: CacheReader<EndpointSlice>, pods: CacheReader<Pod>) {
    this.#pods = pods;
    this.#slices = slices;
    this.#sliceChanges(slices.list().map((after) => ({ key: keyOf(after), before: undefined, after })));
    this.#podChanges(pods.list().map((after) => ({ key: keyOf(after), before: undefined, after })));
    slices.subscribe((changes) => this.#sliceChanges(changes));
    pods.subscribe((changes) => this.#podChanges(changes));
  }

  networksOf(source: string): readonly string[] {
    // An address is given anew when its pod has ended, and both may be known for a moment: the later one has it.
    const pod = this.#podsByIp
      .keysOf(source)
      .map((key) => this.#pods.get(key))
      .findLast((each) => each && !isFinished(each));
    return pod ? networkNames(pod) : [];
  }

  aliasAddresses(network: string, alias: string): readonly string[] {
    const addresses = this.#byAlias.keysOf(aliasKey(network, alias)).flatMap((key) => {
      const endpoints = this.#slices.get(key)?.endpoints ?? [];
      return endpoints.filter(({ hostname }) => hostname === alias).flatMap((each) => each.addresses ?? []);
    });
    return [...new Set(addresses)];
  }

  aliasesWithIp(address: string): readonly { network: string; alias: string }[] {
    return this.#byAddress.keysOf(address).flatMap((key) => {
      const slice = this.#slices.get(key);
      const network = slice && networkOf(slice);
      if (!network) return [];
      const endpoints = (slice.endpoints ?? []).filter(({ addresses }) => addresses?.includes(address));
      return endpoints.flatMap(({ hostname }) => (hostname ? [{ network, alias: hostname }] : []));
    });
  }

  #sliceChanges(changes: readonly Change<EndpointSlice>[]): void {
    for (const { key, before, after } of changes) {
      this.#file(before, (index, value) => index.remove(value, key));
      this.#file(after, (index, value) => index.add(value, key));
    }
  }

  #file(slice: EndpointSlice | undefined, each: (index: AddressIndex, value: string) => void): void {
    const network = slice && networkOf(slice);
    if (!network) return;
    for (const { hostname, addresses } of slice.endpoints ?? []) {
      if (hostname) each(this.#byAlias, aliasKey(network, hostname));
      for (const address of addresses ?? []) each(this.#byAddress, address);
    }
  }

  #podChanges(changes: readonly Change<Pod>[]): void {
    for (const { key, before, after } of changes) {
      for (const ip of ipsOf(before)) this.#podsByIp.remove(ip, key);
      for (const ip of ipsOf(after)) this.#podsByIp.add(ip, key);
    }
  }
}

function keyOf({ metadata }: EndpointSlice | Pod): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** No name of a Network has a slash at its end, and no alias has one in it. */
function aliasKey(network: string, alias: string): string {
  return `${network}/${alias}`;
}

function networkOf({ metadata }: EndpointSlice): string | undefined {
  return metadata.labels?.[managedByLabel] === managedBy ? metadata.annotations?.[networkAnnotation] : undefined;
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

function ipsOf(pod: Pod | undefined): readonly string[] {
  if (!pod || pod.spec.hostNetwork) return [];
  const { podIPs, podIP } = pod.status ?? {};
  return podIPs?.map(({ ip }) => ip) ?? (podIP ? [podIP] : []);
}

const names = new WeakMap<Pod, readonly string[]>();

function networkNames(pod: Pod): readonly string[] {
  const known = names.get(pod);
  if (known) return known;
  const made = readNetworkNames(pod.metadata.annotations?.[networkStatusAnnotation]);
  names.set(pod, made);
  return made;
}

/** Anybody may have written into it: what is no list of networks names none. */
function readNetworkNames(text: string | undefined): readonly string[] {
  if (!text) return [];
  try {
    const list: unknown = JSON.parse(text);
    if (!Array.isArray(list)) return [];
    return list.flatMap((each: { name?: unknown } | null) => (typeof each?.name === 'string' ? [each.name] : []));
  } catch {
    return [];
  }
}

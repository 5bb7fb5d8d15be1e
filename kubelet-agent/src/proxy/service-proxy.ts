import type { EndpointSlice, KubeObject, Service } from '@slipway/api/types';
import type { CacheReader } from '@slipway/client/cache';
import { keyOf } from '@slipway/client/kinds';
import type { Host } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import { baseTable } from './base-chains.ts';
import { observeTable } from './observe-table.ts';
import { planRuleset } from './plan-ruleset.ts';
import { type ObservedTable, observedFrom, planTransaction } from './plan-transaction.ts';
import { proxyTableName } from './ruleset.ts';
import { type ProxyNode, type ServiceRules, serviceRules } from './service-rules.ts';
import { staleFlows, type UdpFronts } from './stale-flows.ts';

export interface ServiceProxyDeps {
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
  readonly services: CacheReader<Service>;
  readonly endpointSlices: CacheReader<EndpointSlice>;
}

export interface ServiceProxyOptions extends ProxyNode {
  readonly clusterId: string;
  readonly serviceCidr: string;
  /** A service without a selector whose address this node answers itself, as `kube-system/kube-dns`: left alone. */
  readonly answeredHere: readonly string[];
}

/** The label by which a slice names its service. */
const serviceNameLabel = 'kubernetes.io/service-name';
/** The first change goes out at once; what comes within this time after it goes out together. */
const spacingMs = 50;
/** Somebody may have changed the table behind our back. */
const reobserveMs = 60_000;
const retryMs = 1_000;

/**
 * Keeps the node's rules equal to Services and EndpointSlices. When the process ends the rules stay; the next run reads
 * them back and changes only what differs.
 */
export class ServiceProxy {
  readonly #deps: ServiceProxyDeps;
  readonly #options: ServiceProxyOptions;
  readonly #base;
  readonly #table: string;
  readonly #rules = new Map<string, { readonly made: ServiceRules; readonly from: readonly KubeObject[] }>();
  #observed: ObservedTable | undefined;
  #udp: UdpFronts | undefined;
  #wake: () => void = () => {};
  #isDirty = true;

  constructor(deps: ServiceProxyDeps, options: ServiceProxyOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#base = baseTable(options);
    this.#table = proxyTableName(options.clusterId);
  }

  /** Runs until the signal aborts. Does nothing before both caches have their first list: no rule is lost by a restart. */
  async run(signal: AbortSignal): Promise<void> {
    const { services, endpointSlices, clock } = this.#deps;
    const changed = () => {
      this.#isDirty = true;
      this.#wake();
    };
    const stops = [services.subscribe(changed), endpointSlices.subscribe(changed)];
    stops.push(
      services.when(() => services.isSynced, changed),
      endpointSlices.when(() => endpointSlices.isSynced, changed),
    );
    signal.addEventListener('abort', changed, { once: true });
    try {
      while (!signal.aborted) {
        if (this.#isDirty && services.isSynced && endpointSlices.isSynced) await this.#sync(signal);
        else await this.#idle();
        if (!signal.aborted) await clock.sleep(spacingMs, signal).catch(() => {}); // ends by the abort, seen above
      }
    } finally {
      signal.removeEventListener('abort', changed);
      for (const stop of stops) stop();
    }
  }

  /** One round: observe if needed, plan, apply. Answers whether anything had to change. Throws when the kernel refuses. */
  async apply(signal: AbortSignal): Promise<boolean> {
    const { host } = this.#deps;
    const rules = this.#currentRules();
    const desired = planRuleset(rules);
    const list = () => host.nftList(['table', 'inet', this.#table], { signal });
    const observed = this.#observed ?? observeTable(await list(), this.#base);
    const transaction = planTransaction(this.#table, this.#base, observed, desired);
    if (transaction) {
      this.#observed = undefined; // until it is known to have gone through
      await host.nft(transaction, { signal });
    }
    this.#observed = observedFrom(this.#base, desired);
    const udp: UdpFronts = new Map(rules.flatMap((each) => [...each.udp]));
    // What an earlier run knew is not known any more; flows that it left are right or age out.
    for (const args of staleFlows(this.#udp ?? udp, udp)) await host.conntrackDelete(args, { signal });
    this.#udp = udp;
    return transaction !== undefined;
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#deps;
    this.#isDirty = false;
    try {
      const begin = clock.monotonicMs();
      const hasChanged = await this.apply(signal);
      if (hasChanged)
        log.debug({ services: this.#rules.size, ms: clock.monotonicMs() - begin }, 'service rules applied');
    } catch (error) {
      if (signal.aborted) return;
      this.#isDirty = true;
      log.error({ err: error }, 'service rules could not be applied');
      await clock.sleep(retryMs, signal).catch(() => {}); // the loop looks at the signal
    }
  }

  /** Until a change, or until it is time to look at the kernel again. */
  #idle(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(reobserveMs, () => {
        this.#observed = undefined;
        this.#isDirty = true;
        this.#wake();
      });
      this.#wake = () => {
        cancel();
        this.#wake = () => {};
        resolve();
      };
    });
  }

  /** Oldest service first. The rules of a service are made again only when it or one of its slices is another object. */
  #currentRules(): readonly ServiceRules[] {
    const { services, endpointSlices } = this.#deps;
    const slices = slicesByService(endpointSlices.list());
    const current = services
      .list()
      .filter((service) => !this.#isAnsweredHere(service))
      .toSorted(byAge);
    const keys = new Set(current.map(keyOf));
    for (const key of this.#rules.keys()) if (!keys.has(key)) this.#rules.delete(key);
    return current.map((service) => {
      const key = keyOf(service);
      const from = [service, ...(slices.get(key) ?? [])];
      const known = this.#rules.get(key);
      if (known && known.from.length === from.length && known.from.every((each, i) => each === from[i]))
        return known.made;
      const made = serviceRules(service, slices.get(key) ?? [], this.#options);
      this.#rules.set(key, { made, from });
      return made;
    });
  }

  #isAnsweredHere(service: Service): boolean {
    return this.#options.answeredHere.includes(keyOf(service)) && Object.keys(service.spec.selector ?? {}).length === 0;
  }
}

function slicesByService(slices: readonly EndpointSlice[]): ReadonlyMap<string, readonly EndpointSlice[]> {
  const found = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const name = slice.metadata.labels?.[serviceNameLabel];
    if (!name) continue;
    const key = `${slice.metadata.namespace}/${name}`;
    const list = found.get(key);
    if (list) list.push(slice);
    else found.set(key, [slice]);
  }
  return found;
}

function byAge(one: Service, other: Service): number {
  const [a, b] = [one.metadata.creationTimestamp ?? '', other.metadata.creationTimestamp ?? ''];
  if (a !== b) return a < b ? -1 : 1;
  return keyOf(one) < keyOf(other) ? -1 : 1;
}

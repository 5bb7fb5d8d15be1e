import type { EndpointSlice, Node, Service } from '@slipway/api/types';
import type { CacheReader } from '@slipway/client/cache';
import { keyOf } from '@slipway/client/kinds';
import type { Host } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import { baseTable } from './base-chains.ts';
import { ChangedServices } from './changed-services.ts';
import { observeTable } from './observe-table.ts';
import { planTransaction } from './plan-transaction.ts';
import { proxyTableName } from './ruleset.ts';
import { type ProxyNode, serviceRules } from './service-rules.ts';
import { ServiceTable } from './service-table.ts';
import { staleFlows, type UdpFronts } from './stale-flows.ts';

export interface ServiceProxyDeps {
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
  readonly services: CacheReader<Service>;
  readonly endpointSlices: CacheReader<EndpointSlice>;
  /** This node: its zone decides which hints are for it. */
  readonly ownNode?: CacheReader<Node>;
}

export interface ServiceProxyOptions extends Omit<ProxyNode, 'zone'> {
  readonly clusterId: string;
  readonly serviceCidr: string;
  /** A service without a selector whose address this node answers itself, as `kube-system/kube-dns`: left alone. */
  readonly answeredHere: readonly string[];
  /** Node ports are answered on the node's addresses in these networks only; on all, loopback too, when there are none. */
  readonly nodePortNetworks?: readonly string[] | undefined;
}

const zoneLabel = 'topology.kubernetes.io/zone';
/** The first change goes out at once; what comes within this time after it goes out together. */
const spacingMs = 50;
/** Somebody may have changed the table behind our back. */
const reobserveMs = 60_000;
/** A big table takes longer to look at: that shall not take more than this share of the time. */
const reobserveShare = 0.005;
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
  readonly #rules = new ServiceTable();
  #changed: ChangedServices | undefined;
  #zone: string | undefined;
  /** The kernel has what `#rules` had when they were applied last. */
  #isObserved = false;
  #isFirst = true;
  /** To be forgotten once the kernel has the rules. */
  readonly #staleFlows: (readonly string[])[] = [];
  #reobserveMs = reobserveMs;
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
    this.#follow();
    const stops = [
      services.when(() => services.isSynced, changed),
      endpointSlices.when(() => endpointSlices.isSynced, changed),
      () => this.#unfollow(),
      this.#deps.ownNode?.subscribe(() => {
        if (this.#zoneOfNode() !== this.#zone) changed();
      }) ?? (() => {}),
    ];
    signal.addEventListener('abort', changed, { once: true });
    try {
      while (!signal.aborted) {
        if (!this.#isDirty || !services.isSynced || !endpointSlices.isSynced) {
          await this.#idle();
          continue;
        }
        await this.#sync(signal);
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
    const udp = this.#update();
    // What an earlier run knew is not known; flows that it left are right or age out.
    if (!this.#isFirst) this.#staleFlows.push(...staleFlows(udp.before, udp.after));
    this.#isFirst = false;
    const transaction = this.#isObserved ? this.#planChange() : await this.#planWhole(signal);
    this.#isObserved = false; // until it is known to have gone through
    if (transaction) await host.nft(transaction, { signal });
    this.#isObserved = true;
    for (const args of this.#staleFlows.splice(0)) await host.conntrackDelete(args, { signal });
    return transaction !== undefined;
  }

  #planChange(): string | undefined {
    const { before, after } = this.#rules.takeChange(this.#base);
    return planTransaction(this.#table, this.#base, before, after);
  }

  async #planWhole(signal: AbortSignal): Promise<string | undefined> {
    const { host, clock } = this.#deps;
    const begin = clock.monotonicMs();
    const observed = observeTable(await host.nftList(['table', 'inet', this.#table], { signal }), this.#base);
    this.#rules.takeChange(this.#base);
    this.#rules.forgetUnused();
    const transaction = planTransaction(this.#table, this.#base, observed, this.#rules.ruleset());
    this.#reobserveMs = Math.max(reobserveMs, (clock.monotonicMs() - begin) / reobserveShare);
    return transaction;
  }

  /** Makes the rules of changed services again. Answers where these services answered UDP, and where they do now. */
  #update(): { readonly before: UdpFronts; readonly after: UdpFronts } {
    const { services } = this.#deps;
    const changed = this.#follow();
    this.#followZone(changed);
    const [before, after] = [new Map<string, ReadonlySet<string>>(), new Map<string, ReadonlySet<string>>()];
    for (const key of changed.take()) {
      for (const [front, pods] of this.#rules.rulesOf(key)?.udp ?? []) before.set(front, pods);
      const service = services.get(key);
      if (!service || this.#isAnsweredHere(service)) {
        this.#rules.remove(key);
        continue;
      }
      const rules = serviceRules(service, changed.slicesOf(key), { ...this.#options, zone: this.#zone });
      this.#rules.put(key, `${service.metadata.creationTimestamp ?? ''} ${key}`, rules);
      for (const [front, pods] of rules.udp) after.set(front, pods);
    }
    return { before, after };
  }

  #follow(): ChangedServices {
    const { services, endpointSlices } = this.#deps;
    this.#changed ??= new ChangedServices(services, endpointSlices, () => {
      this.#isDirty = true;
      this.#wake();
    });
    return this.#changed;
  }

  #unfollow(): void {
    this.#changed?.stop();
    this.#changed = undefined;
  }

  #zoneOfNode(): string | undefined {
    return this.#deps.ownNode?.get(this.#options.nodeName)?.metadata.labels?.[zoneLabel];
  }

  /** Hints name zones: when the node's is another one, all services have to be looked at. */
  #followZone(changed: ChangedServices): void {
    const zone = this.#zoneOfNode();
    if (zone === this.#zone) return;
    this.#zone = zone;
    changed.add(this.#rules.keys());
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
      const cancel = this.#deps.clock.after(this.#reobserveMs, () => {
        this.#isObserved = false;
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

  #isAnsweredHere(service: Service): boolean {
    return this.#options.answeredHere.includes(keyOf(service)) && Object.keys(service.spec.selector ?? {}).length === 0;
  }
}

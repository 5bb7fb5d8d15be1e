/**
 * Keeps this node's way to the pods of all others equal to Nodes, Networks and claims. The data plane is the kernel's: it goes on when
 * this process ends, and the next run takes it over.
 */
import {
  defaultNetworkName,
  type Network,
  type NetworkAddress,
  type NetworkSubnet,
} from '@slipway/api/networks/network-types';
import type { Node } from '@slipway/api/types';
import type { CacheReader } from '@slipway/client/cache';
import { CniError, directRoutePriority, findUplink, type Host, removeUnusedOverlay, type Uplink } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { cniNameOf } from '../attachments/conflist-from.ts';
import { destinationsByNode, internalAddress, PeerBook, podCidrsOf } from './node-peers.ts';
import { OverlayLink, type OverlayWish } from './overlay-link.ts';
import {
  deviceName,
  networkOfAlias,
  overlayBridgeName,
  type OverlayEnd,
  type OverlaySettings,
  overlayWay,
} from './overlay-settings.ts';

export interface OverlayCaches {
  /** All of the cluster. */
  readonly nodes: CacheReader<Node>;
  readonly networks: CacheReader<Network>;
  readonly networkSubnets: CacheReader<NetworkSubnet>;
  readonly networkAddresses: CacheReader<NetworkAddress>;
}

export interface ClusterOverlayDeps extends OverlayCaches {
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Changes that come within this time go out together. */
const spacingMs = 20;
/** Somebody may have changed the kernel's tables behind our back. */
const reobserveMs = 30_000;
const retryMs = 2_000;

export class ClusterOverlay {
  readonly #deps: ClusterOverlayDeps;
  readonly #settings: OverlaySettings;
  /** By name of the network. */
  readonly #links = new Map<string, { readonly link: OverlayLink; readonly peers: PeerBook }>();
  /** Whether the machine was searched for networks that an earlier run left. */
  #knowsRemains = false;
  #uplink: { readonly address: string; readonly found: Uplink } | undefined;
  #told = '';
  #wake: () => void = () => {};
  #isDirty = true;

  constructor(deps: ClusterOverlayDeps, settings: OverlaySettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** Runs until the signal aborts. Changes nothing before the first lists are in: no way is lost by a restart. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, nodes, networks, networkSubnets, networkAddresses } = this.#deps;
    const changed = () => {
      this.#isDirty = true;
      this.#wake();
    };
    const caches = [nodes, networks, networkSubnets, networkAddresses] as const;
    const isSynced = () => caches.every((cache) => cache.isSynced);
    const stops = caches.flatMap((cache) => [cache.subscribe(changed), cache.when(isSynced, changed)]);
    signal.addEventListener('abort', changed, { once: true });
    try {
      while (!signal.aborted) {
        if (this.#isDirty && isSynced()) await this.#sync(signal);
        else await this.#idle();
        if (!signal.aborted) await clock.sleep(spacingMs, signal).catch(() => {}); // ends by the abort, seen above
      }
    } finally {
      signal.removeEventListener('abort', changed);
      for (const stop of stops) stop();
    }
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    this.#isDirty = false;
    try {
      this.#tell(await this.#apply(signal));
    } catch (error) {
      if (signal.aborted) return;
      this.#tell([messageOf(error)], error);
      this.#forget();
      this.#isDirty = true;
      await clock.sleep(retryMs, signal).catch(() => {}); // the loop looks at the signal
    }
  }

  /** One round. Answers what is wrong, in sentences. */
  async #apply(signal: AbortSignal): Promise<readonly string[]> {
    const { nodes, networks } = this.#deps;
    const own = nodes.get(this.#settings.nodeName);
    const address = internalAddress(own);
    const [podCidr] = own ? podCidrsOf(own) : [];
    if (!address || !podCidr) return []; // not registered yet
    const uplink = await this.#findUplink(address, signal);
    if (!uplink) return [`no interface has this node's address ${address}`];
    const machine = { address, uplink };
    // The block's first address belongs to no pod: packets of the node itself come from it.
    const ownAddress = podCidr.includes(':') ? undefined : `${podCidr.split('/')[0]}/32`;
    const end = { name: defaultNetworkName, network: networks.get(defaultNetworkName), ownAddress, isKept: false };
    const problems = [...(await this.#applyOne({ ...machine, ...end }, podCidrsOf, signal))];
    const here = this.#networksHere();
    for (const network of here.values()) {
      const name = network.metadata.name ?? '';
      const destinations = destinationsByNode(
        name,
        this.#deps.networkSubnets.list(),
        this.#deps.networkAddresses.list(),
      );
      const destinationsOf = ({ metadata }: Node) => destinations.get(metadata.name ?? '') ?? [];
      const userEnd = { ...machine, name, network, ownAddress: undefined, isKept: true };
      const found = await this.#applyOne(userEnd, destinationsOf, signal).catch((error: unknown) => {
        if (signal.aborted) throw error;
        this.#links.get(name)?.link.forget();
        this.#againSoon();
        return [messageOf(error)];
      });
      problems.push(...found.map((problem) => `Network ${name}: ${problem}`));
    }
    await this.#removeUnused(here, machine, signal);
    return problems;
  }

  async #applyOne(
    end: OverlayEnd,
    destinationsOf: (node: Node) => readonly string[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { name, address, uplink } = end;
    const { nodeName, clusterId } = this.#settings;
    const { link, peers } = this.#linkOf(name);
    const wish: OverlayWish = {
      node: nodeName,
      address,
      uplink,
      peers: peers.update(this.#deps.nodes.list(), destinationsOf),
      priority: directRoutePriority(clusterId, name),
      way: overlayWay(end, this.#settings),
    };
    return await link.apply(wish, signal);
  }

  #linkOf(name: string): { readonly link: OverlayLink; readonly peers: PeerBook } {
    let known = this.#links.get(name);
    if (!known) {
      known = {
        link: new OverlayLink(deviceName(this.#settings.clusterId, name), this.#deps.host),
        peers: new PeerBook(),
      };
      this.#links.set(name, known);
    }
    return known;
  }

  /** Users' overlays in which this node holds addresses. */
  #networksHere(): ReadonlyMap<string, Network> {
    const { networks, networkSubnets, networkAddresses } = this.#deps;
    const claims = [...networkSubnets.list(), ...networkAddresses.list()];
    const names = new Set(
      claims.flatMap(({ spec }) => (spec.nodeName === this.#settings.nodeName ? [spec.network] : [])),
    );
    names.delete(defaultNetworkName);
    const found = [...names].sort().flatMap((name) => networks.get(name) ?? []);
    return new Map(found.flatMap((each) => (each.spec.driver === 'overlay' ? [[each.metadata.name ?? '', each]] : [])));
  }

  /** The last pod of a network has gone, or the network itself: what an earlier run made goes as well. */
  async #removeUnused(
    here: ReadonlyMap<string, Network>,
    machine: Pick<OverlayEnd, 'address' | 'uplink'>,
    signal: AbortSignal,
  ): Promise<void> {
    const { host } = this.#deps;
    const { clusterId, nodeName } = this.#settings;
    if (this.#knowsRemains && [...this.#links.keys()].every((name) => name === defaultNetworkName || here.has(name)))
      return;
    const links = await host.ipShow(['link', 'show'], { signal });
    const present = links.flatMap(({ ifalias }) => networkOfAlias(ifalias, clusterId) ?? []);
    const names = new Set([...present, ...this.#links.keys()]);
    for (const name of names) {
      if (name === defaultNetworkName || here.has(name)) continue;
      const device = deviceName(clusterId, name);
      const bridge = overlayBridgeName(clusterId, name);
      // Of another driver: not ours.
      if (!this.#links.has(name) && !links.some(({ ifname }) => ifname === device)) continue;
      const remains = {
        config: { bridge, device, tunnel: undefined },
        clusterId,
        network: cniNameOf({ metadata: { name } }),
      };
      const isGone = await host.exclusively(() => removeUnusedOverlay(remains, host, { signal }), { signal });
      if (!isGone) continue;
      const priority = directRoutePriority(clusterId, name);
      const { link } = this.#linkOf(name);
      await link.apply({ node: nodeName, ...machine, peers: [], priority, way: { backend: 'none' } }, signal);
      this.#links.delete(name);
    }
    this.#knowsRemains = true;
  }

  #againSoon(): void {
    this.#deps.clock.after(retryMs, () => {
      this.#isDirty = true;
      this.#wake();
    });
  }

  async #findUplink(address: string, signal: AbortSignal): Promise<Uplink | undefined> {
    if (this.#uplink?.address === address) return this.#uplink.found;
    const found = await findUplink(address, this.#deps.host, { signal });
    this.#uplink = found && { address, found };
    return found;
  }

  /** When it begins, when it changes, and when it is over; not each time. */
  #tell(problems: readonly string[], error?: unknown): void {
    const text = [...problems].sort().join('; ');
    if (text === this.#told) return;
    this.#told = text;
    const { log } = this.#deps;
    if (text === '') log.info({}, 'pods of all nodes can be reached again');
    else
      log.warn(
        {
          problems: problems.slice(0, problemsToldMax),
          ...(error && !(error instanceof CniError) ? { err: error } : {}),
        },
        'pods of other nodes',
      );
  }

  #forget(): void {
    this.#uplink = undefined;
    this.#knowsRemains = false;
    for (const { link } of this.#links.values()) link.forget();
  }

  /** Until a change, or until it is time to look at the kernel again. */
  #idle(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(reobserveMs, () => {
        this.#forget();
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
}

/** A log line for thousands of nodes names some of them. */
const problemsToldMax = 10;

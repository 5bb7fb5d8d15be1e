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
import { directRoutePriority, findUplink, type Host, type Uplink } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { internalAddress, PeerBook, podCidrsOf } from './node-peers.ts';
import { OverlayLink, type OverlayWish } from './overlay-link.ts';
import { deviceName, type OverlaySettings, overlayWay } from './overlay-settings.ts';

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
  readonly #link: OverlayLink;
  readonly #peers = new PeerBook();
  #uplink: { readonly address: string; readonly found: Uplink } | undefined;
  #told = '';
  #wake: () => void = () => {};
  #isDirty = true;

  constructor(deps: ClusterOverlayDeps, settings: OverlaySettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#link = new OverlayLink(deviceName(settings.clusterId, defaultNetworkName), deps.host);
  }

  /** Runs until the signal aborts. Changes nothing before the first lists are in: no way is lost by a restart. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, nodes, networks } = this.#deps;
    const changed = () => {
      this.#isDirty = true;
      this.#wake();
    };
    const isSynced = () => nodes.isSynced && networks.isSynced;
    const stops = [nodes.subscribe(changed), networks.subscribe(changed)];
    stops.push(nodes.when(isSynced, changed), networks.when(isSynced, changed));
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

  /** One round for the cluster's own network. Answers what is wrong, in sentences. */
  async #apply(signal: AbortSignal): Promise<readonly string[]> {
    const { nodes, networks } = this.#deps;
    const { nodeName, clusterId } = this.#settings;
    const own = nodes.get(nodeName);
    const address = internalAddress(own);
    const [podCidr] = own ? podCidrsOf(own) : [];
    if (!address || !podCidr) return []; // not registered yet
    const uplink = await this.#findUplink(address, signal);
    if (!uplink) return [`no interface has this node's address ${address}`];
    const network = networks.get(defaultNetworkName);
    const peers = this.#peers.update(nodes.list(), podCidrsOf);
    const way = overlayWay({ network, address, uplink, podCidr }, this.#settings);
    const wish: OverlayWish = {
      network: defaultNetworkName,
      node: nodeName,
      address,
      uplink,
      peers,
      priority: directRoutePriority(clusterId, defaultNetworkName),
      way,
    };
    return await this.#link.apply(wish, signal);
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
        { problems: problems.slice(0, problemsToldMax), ...(error ? { err: error } : {}) },
        'pods of other nodes',
      );
  }

  #forget(): void {
    this.#uplink = undefined;
    this.#link.forget();
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

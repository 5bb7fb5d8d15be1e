import {
  ensureVxlan,
  type Host,
  type OverlayPeer,
  type OverlaySelf,
  PeerTables,
  planOverlay,
  type TableFailure,
  type VxlanDevice,
} from '@slipway/cni';

/** One network of this node, as it should be. */
export interface OverlayWish {
  readonly node: string;
  /** This machine's. */
  readonly address: string;
  readonly uplink: { readonly name: string; readonly onLink: readonly string[] };
  readonly peers: readonly OverlayPeer[];
  /** Of routes on the uplink: see `directRoutePriority`. */
  readonly priority: number;
  readonly way:
    | { readonly backend: 'host-gw' | 'none' }
    | {
        readonly backend: 'vxlan';
        readonly device: VxlanDevice;
        /** The device stays when there are no peers, because pods are attached. */
        readonly isKept: boolean;
      };
}

/**
 * Makes one network of this node what it should be, at the cost of what changed. What an earlier run left is taken over; the
 * other backend's entries go away.
 */
export class OverlayLink {
  readonly #host: Host;
  readonly #device: string;
  readonly #tunnel: PeerTables;
  #direct: { readonly uplink: string; readonly tables: PeerTables } | undefined;
  #self: OverlaySelf | undefined;
  /** The device as it was last looked at; undefined when that must be done again. */
  #ensured: string | undefined;

  constructor(device: string, host: Host) {
    this.#host = host;
    this.#device = device;
    this.#tunnel = new PeerTables(host, { link: device });
  }

  /** The kernel is read again the next time: somebody may have changed something there. */
  forget(): void {
    this.#ensured = undefined;
    this.#tunnel.forget();
    this.#direct?.tables.forget();
  }

  /** Answers what is wrong, in sentences. Throws `CniError` or `KernelError` when nothing could be done. */
  async apply(wish: OverlayWish, signal: AbortSignal): Promise<readonly string[]> {
    const options = { signal };
    const { way } = wish;
    const isTunnel = way.backend === 'vxlan';
    const self = this.#selfFrom(wish);
    const plan = self ? planOverlay(self, wish.peers) : { entries: new Map(), problems: [] };
    const nothing = new Map();
    const failures: TableFailure[] = [];
    if (isTunnel && (way.isKept || plan.entries.size > 0)) {
      await this.#ensure(way.device, signal);
      failures.push(...(await this.#tunnel.apply(plan.entries, options)));
    } else {
      await this.#removeDevice(signal);
    }
    const direct = this.#directOf(wish);
    failures.push(...(await direct.apply(way.backend === 'host-gw' ? plan.entries : nothing, options)));
    if (failures.length > 0) this.forget();
    return [...plan.problems, ...failures.map(messageOfFailure)];
  }

  /** Same content, same object: the planner remembers by it. */
  #selfFrom({ node, address, uplink, priority, way }: OverlayWish): OverlaySelf | undefined {
    if (way.backend === 'none') return undefined;
    const isTunnel = way.backend === 'vxlan';
    const self: OverlaySelf = {
      node,
      address,
      backend: way.backend,
      vni: isTunnel ? way.device.vni : 0,
      link: isTunnel ? way.device.name : uplink.name,
      onLink: uplink.onLink,
      priority,
    };
    if (JSON.stringify(self) !== JSON.stringify(this.#self)) this.#self = self;
    return this.#self;
  }

  async #ensure(device: VxlanDevice, signal: AbortSignal): Promise<void> {
    const wanted = JSON.stringify(device);
    if (this.#ensured === wanted) return;
    this.#ensured = undefined;
    const { isNew } = await ensureVxlan(device, this.#host, { signal });
    if (isNew) this.#tunnel.forget();
    this.#ensured = wanted;
  }

  async #removeDevice(signal: AbortSignal): Promise<void> {
    if (this.#ensured === 'none') return;
    this.#ensured = undefined;
    const [shown] = await this.#host.ipShow(['link', 'show', 'dev', this.#device], { signal });
    if (shown) await this.#host.link([{ step: 'deleteLink', name: this.#device }], { signal });
    this.#tunnel.forget();
    this.#ensured = 'none';
  }

  #directOf({ uplink, priority }: OverlayWish): PeerTables {
    if (this.#direct?.uplink !== uplink.name) {
      this.#direct = { uplink: uplink.name, tables: new PeerTables(this.#host, { link: uplink.name, priority }) };
    }
    return this.#direct.tables;
  }
}

function messageOfFailure({ message, step, isExisting }: TableFailure): string {
  if (!isExisting || step.entry.kind !== 'route') return message;
  return `${message}: this machine has another route to ${step.entry.destination}`;
}

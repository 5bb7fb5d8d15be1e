import { parseIp } from '@slipway/api/ip-address';
import type { Service } from '@slipway/api/types';
import type { CacheReader } from '@slipway/client/cache';
import { type Host, openPacketSocket } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import { type Duty, dutiesOf } from './duties.ts';
import { type LanLink, lanLinks } from './lan-links.ts';
import { addressToldBy, announcementFrame, etherTypes, probeFrame, senderOf } from './neighbour-frames.ts';

export interface AnnouncerDeps {
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
  readonly services: CacheReader<Service>;
}

export interface AnnouncerOptions {
  readonly clusterId: string;
  readonly nodeName: string;
  /** The network namespace that plays the node; the process's own when absent. */
  readonly netns?: string;
}

const tickMs = 1_000;
/** The kernel forgets an address that is not renewed: a node whose agent is dead or stands still answers no longer. */
const addressSeconds = 15;
const renewMs = 5_000;
/** Within this time whoever has an address answers a probe. */
const answerMs = 250;
/** The second takes over when the first has left so many probes unanswered, the third one probe later. */
const silenceMax = 3;
const silenceOf = ({ rank }: Duty) => silenceMax - 1 + rank;
/** So often one that took over hears somebody else answer before it gives way: the further behind, the sooner. */
const patienceOf = ({ rank }: Duty) => Math.max(1, silenceMax + 1 - rank);
/** Announcements may be lost: so many, a tick apart. */
const announcements = 3;
/** The first announces again so often: it does not know whether somebody has stood in for it. */
const announceAgainMs = 15_000;

interface Held {
  readonly link: LanLink | undefined;
  renewedMs: number;
  announcedMs: number;
  announcementsLeft: number;
}

/** Probes that were unanswered, or answered while we have the addresses ourselves, in a row. */
interface Watched {
  readonly silent: number;
  readonly contested: number;
}

/**
 * Answers on the LAN for addresses of load balancers. Those that this node is first for it has; the kernel then answers
 * ARP. For the others it asks each second whether somebody answers, and takes an address when nobody does: seconds after
 * a node is gone, without any API server. Whoever is back is told by the answers to its own probes.
 */
export class BalancerAnnouncer {
  readonly #deps: AnnouncerDeps;
  readonly #options: AnnouncerOptions;
  readonly #held = new Map<string, Held>();
  readonly #watched = new Map<string, Watched>();
  #duties: readonly Duty[] = [];
  #links: ReadonlyMap<string, LanLink> = new Map();
  #isDirty = true;
  #wake: () => void = () => {};

  constructor(deps: AnnouncerDeps, options: AnnouncerOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Runs until the signal aborts. Addresses stay for `addressSeconds`: an agent that is started anew goes on with them. */
  async run(signal: AbortSignal): Promise<void> {
    const { services, clock, log } = this.#deps;
    const changed = () => {
      this.#isDirty = true;
      this.#wake();
    };
    const stops = [
      services.subscribe((changes) => {
        if (changes.some(({ before, after }) => this.#concerns(before) || this.#concerns(after))) changed();
      }),
      services.when(() => services.isSynced, changed),
    ];
    signal.addEventListener('abort', changed, { once: true });
    try {
      while (!signal.aborted) {
        const isBusy = services.isSynced && (this.#isDirty || this.#held.size > 0 || this.#duties.length > 0);
        if (isBusy) {
          await this.tick(signal).catch((error: unknown) => {
            if (!signal.aborted) log.error({ err: error }, 'addresses of load balancers could not be looked after');
          });
        }
        if (!signal.aborted && !this.#isDirty) await this.#pause(this.#duties.length > 0 || this.#held.size > 0);
        else if (!signal.aborted) await clock.sleep(tickMs / 20, signal).catch(() => {}); // the loop looks at the signal
      }
    } finally {
      signal.removeEventListener('abort', changed);
      for (const stop of stops) stop();
    }
  }

  /** One round. */
  async tick(signal: AbortSignal): Promise<void> {
    await this.#readDuties(signal);
    const first = this.#duties.filter(({ rank }) => rank === 0).map(({ address }) => address);
    await this.#watch(signal);
    const taken = this.#duties.filter((duty) => duty.rank > 0 && this.#isTaken(duty)).map(({ address }) => address);
    const wanted = new Set([...first, ...taken]);
    await this.#drop(
      [...this.#held.keys()].filter((address) => !wanted.has(address)),
      signal,
    );
    await this.#hold([...wanted], signal);
    this.#announce(new Set(first));
  }

  #concerns(service: Service | undefined): boolean {
    return service?.spec.type === 'LoadBalancer' || (service !== undefined && this.#held.size > 0);
  }

  async #readDuties(signal: AbortSignal): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const { services, host } = this.#deps;
    this.#duties = services.list().flatMap((service) => dutiesOf(service, this.#options.nodeName));
    const groups = new Set(this.#duties.map(groupOf));
    for (const group of this.#watched.keys()) if (!groups.has(group)) this.#watched.delete(group);
    if (this.#duties.length === 0) return;
    const addresses = this.#duties.map(({ address }) => address);
    this.#links = await lanLinks(addresses, host, signal);
  }

  #isTaken(duty: Duty): boolean {
    const { silent = 0, contested = 0 } = this.#watched.get(groupOf(duty)) ?? {};
    return this.#held.has(duty.address) ? contested < patienceOf(duty) : silent >= silenceOf(duty);
  }

  /** Asks for one address of each group: those that the same nodes are first for are lost together. */
  async #watch(signal: AbortSignal): Promise<void> {
    const groups = new Map<string, Duty[]>();
    for (const duty of this.#duties) {
      if (duty.rank === 0) continue;
      groups.set(groupOf(duty), [...(groups.get(groupOf(duty)) ?? []), duty]);
    }
    if (groups.size === 0) return;
    const asked = [...groups.values()].flatMap(([duty]) => (duty ? [duty.address] : []));
    const answered = await this.#probe(asked, signal);
    for (const [group, duties] of groups) {
      const [representative] = duties;
      if (representative) this.#judge(group, representative, answered.has(representative.address), duties);
    }
  }

  #judge(group: string, duty: Duty, isAnswered: boolean, duties: readonly Duty[]): void {
    const { silent = 0, contested = 0 } = this.#watched.get(group) ?? {};
    const isHeld = this.#held.has(duty.address);
    const watched = { silent: isAnswered ? 0 : silent + 1, contested: isHeld && isAnswered ? contested + 1 : 0 };
    this.#watched.set(group, watched);
    const told = { addresses: duties.map(({ address }) => address), nodes: duty.ahead };
    const { log } = this.#deps;
    if (!isHeld && watched.silent === silenceOf(duty)) log.warn(told, 'nobody answers for addresses: taking them over');
    if (watched.contested === patienceOf(duty))
      log.info(told, 'somebody answers for addresses again: giving them back');
  }

  /** Which of the addresses somebody else answers for. */
  async #probe(addresses: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    const answered = new Set<string>();
    const sockets = [...this.#byLink(addresses)].map(([, { link, family, members }]) => {
      const socket = openPacketSocket({
        linkIndex: link.index,
        etherType: etherTypes[family],
        netns: this.#options.netns,
      });
      for (const address of members) {
        const parsed = parseIp(address);
        if (parsed) socket.send(probeFrame(parsed, link.mac));
      }
      return { socket, mac: link.mac };
    });
    try {
      await this.#deps.clock.sleep(answerMs, signal);
      for (const { socket, mac } of sockets) {
        for (let frame = socket.receive(); frame; frame = socket.receive()) {
          const told = addressToldBy(frame);
          if (told && senderOf(frame) !== mac) answered.add(told);
        }
      }
    } finally {
      for (const { socket } of sockets) socket.close();
    }
    return answered;
  }

  #byLink(addresses: readonly string[]): ReadonlyMap<string, { link: LanLink; family: 4 | 6; members: string[] }> {
    const groups = new Map<string, { link: LanLink; family: 4 | 6; members: string[] }>();
    for (const address of addresses) {
      const link = this.#links.get(address);
      const family = parseIp(address)?.family;
      if (!link || !family) continue;
      const group = groups.get(`${link.index} ${family}`) ?? { link, family, members: [] };
      group.members.push(address);
      groups.set(`${link.index} ${family}`, group);
    }
    return groups;
  }

  async #hold(addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const now = this.#deps.clock.monotonicMs();
    const due = addresses.filter((address) => {
      const held = this.#held.get(address);
      return !held || now - held.renewedMs >= renewMs;
    });
    if (due.length === 0) return;
    const lifetime = `valid_lft ${addressSeconds} preferred_lft 0`;
    const lines = due.map((address) => `address replace ${this.#place(address, this.#links.get(address))} ${lifetime}`);
    await this.#deps.host.ip(lines, { signal });
    for (const address of due) {
      const link = this.#links.get(address);
      const held = this.#held.get(address) ?? {
        link,
        renewedMs: now,
        announcedMs: now,
        announcementsLeft: announcements,
      };
      held.renewedMs = now;
      this.#held.set(address, held);
    }
  }

  async #drop(addresses: readonly string[], signal: AbortSignal): Promise<void> {
    for (const address of addresses) {
      const held = this.#held.get(address);
      this.#held.delete(address);
      if (!held) continue;
      // It may have run out; then there is nothing to take away.
      await this.#deps.host.ip([`address del ${this.#place(address, held.link, true)}`], { signal }).catch(() => {});
    }
  }

  /**
   * For IPv4 on the loopback link, where no one takes it for an address of the node; the kernel answers ARP for it on all
   * links. Neighbour discovery wants it on the link itself.
   */
  #place(address: string, link: LanLink | undefined, isGoing = false): string {
    if (!address.includes(':')) return `${address}/32 dev lo label ${balancerLabel(this.#options.clusterId)}`;
    return `${address}/128 dev ${link?.name ?? 'lo'}${isGoing ? '' : ' nodad noprefixroute'}`;
  }

  #announce(first: ReadonlySet<string>): void {
    const now = this.#deps.clock.monotonicMs();
    const due = [...this.#held].filter(
      ([address, held]) =>
        held.announcementsLeft > 0 || (first.has(address) && now - held.announcedMs >= announceAgainMs),
    );
    for (const [address, held] of due) {
      held.announcementsLeft = Math.max(0, held.announcementsLeft - 1);
      held.announcedMs = now;
      const parsed = parseIp(address);
      if (!parsed || !held.link) continue;
      const socket = openPacketSocket({
        linkIndex: held.link.index,
        etherType: etherTypes[parsed.family],
        netns: this.#options.netns,
      });
      try {
        socket.send(announcementFrame(parsed, held.link.mac));
      } finally {
        socket.close();
      }
    }
  }

  /** Until something changes; with work to do, a tick at most. */
  #pause(hasWork: boolean): Promise<void> {
    return new Promise((resolve) => {
      const cancel = hasWork ? this.#deps.clock.after(tickMs - answerMs, () => this.#wake()) : () => {};
      this.#wake = () => {
        cancel();
        this.#wake = () => {};
        resolve();
      };
    });
  }
}

/** By it `slipway down` finds the addresses. */
export function balancerLabel(clusterId: string): string {
  return `lo:sw${clusterId}`;
}

const groupOf = ({ ahead, address }: Duty) => `${ahead} ${address.includes(':') ? 6 : 4}`;

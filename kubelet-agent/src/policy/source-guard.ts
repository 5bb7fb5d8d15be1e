/**
 * A pod may send only from its own addresses. Rules of policies go by addresses, so a pod that took another's would get past them.
 * Which pod a packet comes from is known only where it enters the bridge: this is a table of the bridge family. It looks at interfaces
 * that it knows and leaves all others alone.
 */
import { parseIp } from '@slipway/api/ip-address';
import { addressField, type Host, interfaceField, type NftElement, type NftObject, type NftTable } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { canonicalAddresses } from './peer-pod.ts';
import { contentName, policyTableName } from './ruleset.ts';

interface GuardedInterface {
  readonly ips: readonly string[];
  /** `default/web-1`, for a reader of the table. */
  readonly pod: string;
}

/** By the name of the host's end of a pod's pair. */
export type GuardedInterfaces = ReadonlyMap<string, GuardedInterface>;

const sets = {
  guarded: '{ type ifname; }',
  own4: '{ type ifname . ipv4_addr; }',
  own6: '{ type ifname . ipv6_addr; }',
};

/** A pod may ask whether somebody has the address that it is about to use. */
const rules = [
  'iifname != @guarded accept',
  'ether type ip iifname . ip saddr != @own4 counter drop',
  'ether type arp arp saddr ip != 0.0.0.0 iifname . arp saddr ip != @own4 counter drop',
  'ip6 saddr :: accept',
  'ip6 saddr fe80::/10 accept',
  'ether type ip6 iifname . ip6 saddr != @own6 counter drop',
];

const version = contentName('base', [...Object.entries(sets).flat(), ...rules]);

/** A text, or with a comment this. */
interface ListedElement {
  readonly elem?: { readonly val?: unknown; readonly comment?: unknown };
}

/** Pure: what `nft -j list table bridge ...` shows. Undefined when there is no table of ours. */
export function observeGuard(listing: readonly NftObject[] | undefined): GuardedInterfaces | undefined {
  if (!listing?.some(({ chain }) => chain?.name === version)) return undefined;
  const found = new Map<string, { ips: string[]; pod: string }>();
  const elementsOf = (name: string): readonly unknown[] => {
    const elements = listing.find(({ set }) => set?.name === name)?.set?.elem;
    return Array.isArray(elements) ? elements : [];
  };
  for (const element of elementsOf('guarded')) {
    const { val: name = element, comment = '' } = (element as ListedElement).elem ?? {};
    found.set(String(name), { ips: [], pod: String(comment) });
  }
  for (const element of [...elementsOf('own4'), ...elementsOf('own6')]) {
    const [name, ip] = (element as { readonly concat?: readonly unknown[] }).concat ?? [];
    found.get(String(name))?.ips.push(String(ip));
  }
  return found;
}

/** Pure: which elements lead there. */
export function planGuard(
  observed: GuardedInterfaces,
  desired: GuardedInterfaces,
): { readonly add: readonly NftElement[]; readonly remove: readonly NftElement[] } {
  const differing = (from: GuardedInterfaces, to: GuardedInterfaces) =>
    [...from]
      .filter(([name, { ips }]) => !isSame(ips, to.get(name)?.ips))
      .flatMap(([name, each]) => elements(name, each));
  return { remove: differing(observed, desired), add: differing(desired, observed) };
}

function isSame(one: readonly string[], other: readonly string[] | undefined): boolean {
  return other !== undefined && one.length === other.length && one.every((ip) => other.includes(ip));
}

function baseScript(table: string): string {
  const lines = [
    `add table bridge ${table}`,
    `delete table bridge ${table}`,
    `add table bridge ${table}`,
    `add chain bridge ${table} ${version}`,
    ...Object.entries(sets).map(([name, declaration]) => `add set bridge ${table} ${name} ${declaration}`),
    `add chain bridge ${table} sources { type filter hook prerouting priority -300; policy accept; }`,
    ...rules.map((rule) => `add rule bridge ${table} sources ${rule}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Its addresses come first: from the moment that it is guarded, they count. */
function elements(name: string, { ips, pod }: GuardedInterface): readonly NftElement[] {
  const field = interfaceField(name);
  const own = ips.flatMap((ip): NftElement[] => {
    const address = parseIp(ip);
    return address ? [{ set: `own${address.family}`, key: Buffer.concat([field, addressField(address)]) }] : [];
  });
  return [...own, { set: 'guarded', key: field, comment: pod }];
}

export interface SourceGuardDeps {
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
}

const retryMs = 30_000;

/** Follows pods' interfaces. */
export class SourceGuard {
  readonly #deps: SourceGuardDeps;
  readonly #table: NftTable;
  readonly #interfaces = new Map<string, GuardedInterface>();
  #observed: GuardedInterfaces | undefined;
  #applying: Promise<void> = Promise.resolve();
  /** The last attempt failed; until the next one, pods do not wait for it. */
  #isFailing = false;

  constructor(deps: SourceGuardDeps, { clusterId }: { readonly clusterId: string }) {
    this.#deps = deps;
    this.#table = { family: 'bridge', name: policyTableName(clusterId) };
  }

  /** Resolves when the kernel knows it, or cannot. */
  async add(interfaceName: string, ips: readonly string[], pod: string, signal: AbortSignal): Promise<void> {
    this.#interfaces.set(interfaceName, { ips: canonicalAddresses(ips), pod });
    if (!this.#isFailing) await this.apply(signal).catch(() => {}); // told by `run`
  }

  async remove(interfaceName: string, signal: AbortSignal): Promise<void> {
    this.#interfaces.delete(interfaceName);
    if (!this.#isFailing) await this.apply(signal).catch(() => {}); // told by `run`
  }

  /** Runs until the signal aborts: looks now and then whether all is there. A kernel that cannot is told of once. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    let isTold = false;
    while (!signal.aborted) {
      try {
        await this.apply(signal);
        isTold = false;
      } catch (error) {
        if (signal.aborted) return;
        if (!isTold) log.warn({ error: messageOf(error) }, 'pods are not kept from sending from addresses of others');
        isTold = true;
      }
      await clock.sleep(retryMs, signal).catch(() => {}); // the loop looks at the signal
    }
  }

  /** One after the other. Throws what the kernel refused. */
  apply(signal: AbortSignal): Promise<void> {
    const next = this.#applying.then(() => this.#apply(signal));
    this.#applying = next.catch(() => {});
    return next;
  }

  async #apply(signal: AbortSignal): Promise<void> {
    const { host } = this.#deps;
    try {
      const observed = this.#observed ?? (await this.#observe(signal));
      const desired = new Map(this.#interfaces);
      this.#observed = undefined; // until it is known to have gone through
      const { add, remove } = planGuard(observed, desired);
      if (add.length + remove.length > 0) await host.nftElements({ table: this.#table, add, remove }, { signal });
      this.#observed = desired;
      this.#isFailing = false;
    } catch (error) {
      this.#isFailing = true;
      throw error;
    }
  }

  /** Makes the table when there is none. What an earlier run guarded is guarded on, as long as the interface is there. */
  async #observe(signal: AbortSignal): Promise<GuardedInterfaces> {
    const { host } = this.#deps;
    const { family, name } = this.#table;
    const observed = observeGuard(await host.nftList(['table', family, name], { signal }));
    if (!observed) {
      await host.nft(baseScript(name), { signal });
      return new Map();
    }
    const links = new Set((await host.ipShow(['link', 'show'], { signal })).map(({ ifname }) => ifname));
    for (const [link, each] of observed) {
      if (links.has(link) && !this.#interfaces.has(link)) this.#interfaces.set(link, each);
    }
    return observed;
  }
}

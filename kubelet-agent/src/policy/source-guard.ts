/**
 * A pod may send only from its own addresses. Rules of policies go by addresses, so a pod that took another's would get past them.
 * Which pod a packet comes from is known only where it enters the bridge: this is a table of the bridge family. It looks at interfaces
 * that it knows and leaves all others alone.
 */
import type { Host, NftObject } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { canonicalAddresses } from './peer-pod.ts';
import { contentName, policyTableName } from './ruleset.ts';

/** Host's end of a pod's pair → the pod's addresses. */
export type GuardedInterfaces = ReadonlyMap<string, readonly string[]>;

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

/** Pure: what `nft -j list table bridge ...` shows. Undefined when there is no table of ours. */
export function observeGuard(listing: readonly NftObject[] | undefined): GuardedInterfaces | undefined {
  if (!listing?.some(({ chain }) => chain?.name === version)) return undefined;
  const found = new Map<string, string[]>();
  const elementsOf = (name: string): readonly unknown[] => {
    const elements = listing.find(({ set }) => set?.name === name)?.set?.elem;
    return Array.isArray(elements) ? elements : [];
  };
  for (const name of elementsOf('guarded')) found.set(String(name), []);
  for (const element of [...elementsOf('own4'), ...elementsOf('own6')]) {
    const [name, ip] = (element as { readonly concat?: readonly unknown[] }).concat ?? [];
    found.get(String(name))?.push(String(ip));
  }
  return found;
}

/** Pure: the transaction that leads there; undefined when nothing differs. */
export function planGuard(
  table: string,
  observed: GuardedInterfaces | undefined,
  desired: GuardedInterfaces,
): string | undefined {
  const lines = observed ? [] : baseLines(table);
  for (const [name, ips] of observed ?? []) {
    if (!isSame(ips, desired.get(name))) lines.push(...elementLines('delete', table, name, ips));
  }
  for (const [name, ips] of desired) {
    if (!isSame(ips, observed?.get(name))) lines.push(...elementLines('add', table, name, ips));
  }
  return lines.length > 0 ? `${lines.join('\n')}\n` : undefined;
}

function isSame(one: readonly string[], other: readonly string[] | undefined): boolean {
  return other !== undefined && one.length === other.length && one.every((ip) => other.includes(ip));
}

function baseLines(table: string): string[] {
  return [
    `add table bridge ${table}`,
    `delete table bridge ${table}`,
    `add table bridge ${table}`,
    `add chain bridge ${table} ${version}`,
    ...Object.entries(sets).map(([name, declaration]) => `add set bridge ${table} ${name} ${declaration}`),
    `add chain bridge ${table} sources { type filter hook prerouting priority -300; policy accept; }`,
    ...rules.map((rule) => `add rule bridge ${table} sources ${rule}`),
  ];
}

function elementLines(verb: 'add' | 'delete', table: string, name: string, ips: readonly string[]): string[] {
  return [
    ...(verb === 'delete' ? [`delete element bridge ${table} guarded { "${name}" }`] : []),
    ...ips.map((ip) => `${verb} element bridge ${table} own${ip.includes(':') ? 6 : 4} { "${name}" . ${ip} }`),
    ...(verb === 'add' ? [`add element bridge ${table} guarded { "${name}" }`] : []),
  ];
}

export interface SourceGuardDeps {
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Pods that start together are guarded together. */
const spacingMs = 50;
const retryMs = 30_000;

/** Follows pods' interfaces. Pods do not wait for it: what it does is there a moment after their network. */
export class SourceGuard {
  readonly #deps: SourceGuardDeps;
  readonly #table: string;
  readonly #interfaces = new Map<string, readonly string[]>();
  #observed: GuardedInterfaces | undefined;
  #isDirty = true;
  #wake: () => void = () => {};

  constructor(deps: SourceGuardDeps, { clusterId }: { readonly clusterId: string }) {
    this.#deps = deps;
    this.#table = policyTableName(clusterId);
  }

  add(interfaceName: string, ips: readonly string[]): void {
    this.#interfaces.set(interfaceName, canonicalAddresses(ips));
    this.#change();
  }

  remove(interfaceName: string): void {
    this.#interfaces.delete(interfaceName);
    this.#change();
  }

  /** Runs until the signal aborts. A kernel without nftables for bridges is told of once. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    let isTold = false;
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    while (!signal.aborted) {
      if (!this.#isDirty) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      try {
        await this.apply(signal);
        await clock.sleep(spacingMs, signal).catch(() => {}); // the loop looks at the signal
      } catch (error) {
        if (signal.aborted) break;
        if (!isTold) log.warn({ error: messageOf(error) }, 'pods are not kept from sending from addresses of others');
        isTold = true;
        await clock.sleep(retryMs, signal).catch(() => {}); // the loop looks at the signal
      }
    }
    signal.removeEventListener('abort', wake);
  }

  async apply(signal: AbortSignal): Promise<void> {
    const { host } = this.#deps;
    if (!this.#observed) await this.#observe(signal);
    this.#isDirty = false;
    const desired = new Map(this.#interfaces);
    const transaction = planGuard(this.#table, this.#observed, desired);
    try {
      if (transaction) await host.nft(transaction, { signal });
      this.#observed = desired;
    } catch (error) {
      this.#isDirty = true;
      this.#observed = undefined;
      throw error;
    }
  }

  /** What an earlier run guarded is guarded on, as long as the interface is there. */
  async #observe(signal: AbortSignal): Promise<void> {
    const { host } = this.#deps;
    this.#observed = observeGuard(await host.nftList(['table', 'bridge', this.#table], { signal }));
    const links = new Set((await host.ipShow(['link', 'show'], { signal })).map(({ ifname }) => ifname));
    for (const [name, ips] of this.#observed ?? []) {
      if (links.has(name) && !this.#interfaces.has(name)) this.#interfaces.set(name, ips);
    }
  }

  #change(): void {
    this.#isDirty = true;
    this.#wake();
  }
}

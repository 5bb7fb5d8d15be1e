/**
 * The nodes of a simulation: registered once, kept alive by a Lease that is renewed well within its time, and told about again only
 * when somebody else says something different of them. One watch for all of them, one queue, a bounded number of writes at a time.
 */
import { isStatus } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { Node } from '@slipway/api/types';
import { type Change, ObjectCache } from '@slipway/client/cache';
import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { createWatcher } from '@slipway/client/watcher';
import { backoffMs } from '@slipway/kit/backoff';
import { type Clock, formatMicroTime } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import { KeyedQueue } from '@slipway/kit/keyed-queue';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { Agenda } from './agenda.ts';
import {
  leaseNamespace,
  leaseObject,
  nodeName,
  nodeObject,
  nodeStatusOf,
  showsOurs,
  silentAnnotation,
  type SimulatedNodeOptions,
  simulatedLabel,
} from './node-object.ts';
import { networkOf, PodAddresses } from './pod-addresses.ts';

export interface SimulatedNodesOptions extends SimulatedNodeOptions {
  readonly count: number;
  /** How long a lease lasts; it is renewed after `renewShare` of that. */
  readonly leaseSeconds: number;
  /** Addresses of pods on nodes to which the cluster gives no network, a part per node. */
  readonly podCidr: string;
}

export interface SimulationDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly agenda: Agenda;
}

/** A node of ours, as far as its pods have to know. */
export interface SimulatedNode {
  readonly name: string;
  readonly isSilent: boolean;
  /** From which its pods get their addresses; another one once the cluster has given the node a network. */
  pool(): PodAddresses;
}

interface Entry extends SimulatedNode {
  readonly index: number;
  isSilent: boolean;
  isRegistered: boolean;
  hasLease: boolean;
  /** What the next work on the node has to do. */
  leaseDue: boolean;
  statusDue: boolean;
  /** It has been told about once, so that nobody waits for it any more. */
  isSettled: boolean;
  failures: number;
  cancelRenewal: () => void;
}

/** Of a lease's time may be over when it is renewed: one renewal may be late by as much as is left. */
const renewShare = 0.75;
/** Leases would all fall due together otherwise. */
const renewJitter = 0.1;
/** Those that fall due within the same half second are renewed together, and the store writes them in one go. */
const renewSlotMs = 500;
/** At most so many nodes are told about at a time. Where a busy server answers after 200 ms, 5,000 leases still are renewed in 16 s. */
const writers = 64;
/** At most so many are registered at a time; leases of those that are do not wait behind them. */
const registrars = 16;
const retry = { baseMs: 200, maxMs: 10_000, jitter: 0.5 };

export class SimulatedNodes {
  readonly #options: SimulatedNodesOptions;
  readonly #deps: SimulationDeps;
  readonly #client: Client;
  readonly #queue: KeyedQueue;
  readonly #registrations: KeyedQueue;
  readonly #cache = new ObjectCache<Node>();
  readonly #entries = new Map<string, Entry>();
  readonly #pools = new Map<string, PodAddresses>();
  readonly #registered = Promise.withResolvers<void>();
  #waiting: number;

  constructor(options: SimulatedNodesOptions, deps: SimulationDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#client = new Client(deps.transport, { controller: 'simulated-kubelet' });
    this.#queue = new KeyedQueue(deps.clock);
    this.#registrations = new KeyedQueue(deps.clock);
    this.#waiting = options.count;
    for (let index = 0; index < options.count; index++) {
      const name = nodeName(options, index);
      this.#entries.set(name, this.#entryOf(name, index));
    }
  }

  /** Resolves when every node is registered and has its lease. */
  get registered(): Promise<void> {
    return this.#registered.promise;
  }

  /** Undefined for a node that is not ours, or that was deleted. */
  get(name: string): SimulatedNode | undefined {
    const entry = this.#entries.get(name);
    return entry?.isRegistered ? entry : undefined;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { transport, clock, random, log } = this.#deps;
    const labelSelector = `${simulatedLabel}=${this.#options.namePrefix}`;
    const cache = this.#cache;
    const watcher = createWatcher({ transport, clock, random, log, kind: kinds.nodes, cache, labelSelector });
    const stop = cache.subscribe((changes) => this.#take(changes));
    watcher.ready.then(
      () => {
        for (const name of this.#entries.keys()) this.#registrations.add(name);
      },
      () => {},
    );
    try {
      const work = (name: string) => this.#work(name, signal);
      await Promise.all([
        watcher.run(signal),
        this.#registrations.run(registrars, work, signal),
        this.#queue.run(writers, work, signal),
      ]);
    } finally {
      stop();
    }
  }

  #entryOf(name: string, index: number): Entry {
    const fallback = networkOf(index, this.#options.podCidr);
    const pool = () => {
      const cidr = this.#cache.get(name)?.spec.podCIDR || fallback;
      const known = this.#pools.get(cidr) ?? new PodAddresses(cidr);
      this.#pools.set(cidr, known);
      return known;
    };
    const flags = {
      isSilent: false,
      isRegistered: false,
      hasLease: false,
      leaseDue: true,
      statusDue: false,
      isSettled: false,
    };
    return { name, index, pool, ...flags, failures: 0, cancelRenewal: () => {} };
  }

  #take(changes: readonly Change<Node>[]): void {
    for (const { key, after } of changes) {
      const entry = this.#entries.get(key);
      if (!entry) continue;
      const wasSilent = entry.isSilent;
      entry.isSilent = after?.metadata.annotations?.[silentAnnotation] === 'true';
      if (!entry.isRegistered) continue;
      if (!after) this.#leave(entry);
      else if (!entry.isSilent && (wasSilent || !isShownReady(after))) {
        entry.statusDue = !isShownReady(after);
        entry.leaseDue = true;
        this.#queue.add(key);
      }
    }
  }

  /** A node that was deleted is a machine that was taken away: it does not come back by itself. */
  #leave(entry: Entry): void {
    this.#deps.log.info({ node: entry.name }, 'node deleted');
    entry.isRegistered = false;
    entry.isSilent = true;
    entry.cancelRenewal();
    this.#entries.delete(entry.name);
    this.#queue.forget(entry.name);
    this.#settle(entry);
  }

  async #work(name: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(name);
    if (!entry) return;
    try {
      if (!entry.isRegistered) await this.#register(entry, signal);
      if (entry.isSilent) this.#renewLater(entry);
      else {
        if (entry.statusDue) await this.#report(entry, signal);
        if (entry.leaseDue) await this.#renew(entry, signal);
      }
      entry.failures = 0;
      this.#settle(entry);
    } catch (error) {
      if (!signal.aborted) this.#retry(entry, error);
    }
  }

  async #register(entry: Entry, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const shown = this.#cache.get(entry.name);
    if (shown) entry.statusDue = !showsOurs(this.#options, shown);
    else {
      const node = nodeObject(this.#options, entry.index, clock.nowMs());
      try {
        await this.#client.create(kinds.nodes, node, { signal });
      } catch (error) {
        if (!isStatus(error, 'AlreadyExists')) throw error;
        // Unless our own watch was late, somebody else's machine has the name; it is left alone.
        const found = await this.#client.get(kinds.nodes, { name: entry.name }, { signal });
        if (found.metadata.labels?.[simulatedLabel] !== this.#options.namePrefix) {
          log.error({ node: entry.name }, 'a node of this name exists that is not simulated; it is left alone');
          this.#entries.delete(entry.name);
          return;
        }
      }
    }
    entry.isRegistered = true;
  }

  /** Only the status is written: labels, annotations and taints may have been changed by users. */
  async #report(entry: Entry, signal: AbortSignal): Promise<void> {
    const { name } = entry;
    const previous = this.#cache.get(name)?.status?.conditions ?? [];
    const status = nodeStatusOf(this.#options, name, previous, this.#deps.clock.nowMs());
    // A strategic merge joins addresses by type; the list is to be replaced.
    const patch = { status: { ...status, addresses: [{ $patch: 'replace' }, ...(status.addresses ?? [])] } };
    entry.statusDue = false;
    try {
      await this.#client.patch(kinds.nodes, { name }, patch, { type: 'strategic', subresource: 'status', signal });
    } catch (error) {
      if (isStatus(error, 'NotFound')) return;
      entry.statusDue = true;
      throw error;
    }
  }

  async #renew(entry: Entry, signal: AbortSignal): Promise<void> {
    if (!entry.isRegistered) return;
    const ref = { namespace: leaseNamespace, name: entry.name };
    const renewTime = formatMicroTime(this.#deps.clock.nowMs());
    if (entry.hasLease) {
      try {
        await this.#client.patch(kinds.leases, ref, { spec: { renewTime } }, { signal });
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error;
        entry.hasLease = false;
      }
    }
    if (!entry.hasLease) await this.#createLease(entry, renewTime, signal);
    this.#renewLater(entry);
  }

  async #createLease(entry: Entry, renewTime: string, signal: AbortSignal): Promise<void> {
    const shown =
      this.#cache.get(entry.name) ?? (await this.#client.get(kinds.nodes, { name: entry.name }, { signal }));
    const lease = leaseObject(shown, this.#options.leaseSeconds, renewTime);
    try {
      await this.#client.create(kinds.leases, lease, { signal });
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
      const { ownerReferences } = lease.metadata;
      const patch = { metadata: { ownerReferences }, spec: lease.spec };
      await this.#client.patch(kinds.leases, { namespace: leaseNamespace, name: entry.name }, patch, { signal });
    }
    entry.hasLease = true;
  }

  #renewLater(entry: Entry): void {
    const everyMs = this.#options.leaseSeconds * 1000 * renewShare;
    const { random, agenda, clock } = this.#deps;
    const share = entry.isSettled ? 1 - renewJitter * random.next() : random.next();
    const nowMs = clock.monotonicMs();
    const dueMs = Math.floor((nowMs + everyMs * share) / renewSlotMs) * renewSlotMs;
    entry.leaseDue = false;
    entry.cancelRenewal();
    entry.cancelRenewal = agenda.after(Math.max(dueMs - nowMs, 0), () => {
      entry.leaseDue = true;
      this.#queue.add(entry.name);
    });
  }

  #settle(entry: Entry): void {
    if (entry.isSettled) return;
    entry.isSettled = true;
    this.#waiting--;
    if (this.#waiting === 0) this.#registered.resolve();
  }

  #retry(entry: Entry, error: unknown): void {
    entry.failures++;
    const { log, agenda, random } = this.#deps;
    if (entry.failures === 1) log.warn({ node: entry.name, error: messageOf(error) }, 'node not told, trying again');
    const queue = entry.isRegistered ? this.#queue : this.#registrations;
    agenda.after(backoffMs(entry.failures, retry, random), () => queue.add(entry.name));
  }
}

function isShownReady({ status }: Node): boolean {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
}

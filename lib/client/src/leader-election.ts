/**
 * One of several processes leads, by a Lease. The holder renews it; whoever sees it unrenewed for its whole duration,
 * by its own clock from the moment it saw the last change, takes it over. Clocks of different machines are therefore
 * never compared. A holder that cannot renew stops leading before the others may begin: `renewDeadlineMs` is shorter
 * than the lease's duration. Those who wait watch the Lease: one that is given up is taken at once, and as long as it is
 * renewed nobody asks for it.
 */
import { isStatus } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { Lease, LeaseSpec } from '@slipway/api/types';
import { childSignal, deadlineSignal, DeadlineError, raceAbort } from '@slipway/kit/abort';
import { type Clock, formatMicroTime } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { Client } from './client.ts';
import { kinds } from './kinds.ts';
import { watchLease } from './lease-watch.ts';

/** How long a lead lasts that is not renewed, when its holder gives up, and how often it renews. */
export interface LeaseTimes {
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
}

/**
 * The lead of a process that was killed is taken over in less than three seconds: two until its lease has run out, the rest for taking it.
 * That is two and a half small writes a second in all. A server that does not answer for a second and a half costs the lead; the holder
 * campaigns again with its caches still warm, so that this is no more than a pause.
 */
export const leaseTimesDefault: LeaseTimes = { leaseDurationMs: 2000, renewDeadlineMs: 1500, retryPeriodMs: 400 };

export interface LeaderElectionOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The lease; `kube-system` is where upstream's components keep theirs. */
  readonly namespace: string;
  readonly name: string;
  /** Unlike that of every other candidate. */
  readonly identity: string;
  /** `leaseTimesDefault` when not given. */
  readonly times?: LeaseTimes | undefined;
  /** Called once when somebody else leads and this candidate begins to wait. */
  readonly waiting?: () => void;
}

/** What we last saw of the lease, and when it last changed by our own monotonic clock. */
interface Seen {
  readonly lease: Lease;
  readonly changedMs: number;
}

/** Whether the lead is surely ours at this moment, by our own clock; for `fencedTransport`. */
export type SurelyLeads = () => boolean;

/**
 * Waits for the lead, then runs `lead`, whose signal aborts when the lead is lost or the caller stops. Resolves when
 * the caller's signal aborted and `lead` has ended, with the lease given up. Rejects when `lead` does, or when the lead
 * was lost: the process then restarts rather than go on with stale state.
 */
export async function runAsLeader(
  options: LeaderElectionOptions,
  lead: (signal: AbortSignal, surelyLeads: SurelyLeads) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const candidate = new Candidate(options);
  try {
    await candidate.acquire(signal);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  const child = childSignal(signal);
  let lost = false;
  let isOver = false;
  const renewing = candidate.renewUntilLost(child.signal).then((isLost) => {
    lost = isLost;
    if (isLost) child.abort(new Error(`lost the lead of ${options.namespace}/${options.name}`));
  });
  try {
    await lead(child.signal, () => !lost && !isOver && candidate.surelyLeads);
  } finally {
    isOver = true;
    child.abort();
    await renewing;
    if (!lost) await candidate.release();
  }
  if (lost && !signal.aborted) throw child.signal.reason;
}

class Candidate {
  readonly #options: LeaderElectionOptions;
  readonly #client: Client;
  readonly #times: LeaseTimes;
  #seen: Seen | undefined;
  /** When the last write that made or kept us the leader was sent: others count from no earlier moment. */
  #renewedMs = 0;
  /** When the watch last told of the lease. */
  #heardMs: number | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#client = new Client(options.transport, { controller: 'leader-election' });
    this.#times = options.times ?? leaseTimesDefault;
  }

  async acquire(signal: AbortSignal): Promise<void> {
    const { log, name, identity, waiting } = this.#options;
    if (!(await this.#tryWithin(this.#times.renewDeadlineMs, signal))) {
      waiting?.();
      await this.#acquireLater(signal);
    }
    log.info({ lease: name, identity }, 'leading');
  }

  async #acquireLater(signal: AbortSignal): Promise<void> {
    const { clock, namespace, name } = this.#options;
    const watching = childSignal(signal);
    let wake = () => {};
    const heard = (lease: Lease) => {
      this.#note(lease);
      this.#heardMs = clock.monotonicMs();
      if (!lease.spec.holderIdentity) wake();
    };
    const ended = watchLease({ client: this.#client, clock, namespace, name }, heard, watching.signal);
    try {
      do {
        const woken = childSignal(signal);
        wake = () => woken.abort();
        await clock.sleep(this.#pauseMs(), woken.signal).catch(() => {});
        woken.abort();
        signal.throwIfAborted();
      } while (this.#isKnownToBeHeld() || !(await this.#tryWithin(this.#times.renewDeadlineMs, signal)));
    } finally {
      watching.abort();
      await ended;
    }
  }

  /** The watch works, and has told of a renewal that still counts. */
  #isKnownToBeHeld(): boolean {
    const isHeardOf = this.#heardMs === this.#seen?.changedMs;
    return isHeardOf && this.#heldByOther() && this.#leftMs() > 0;
  }

  /** While the holder is heard of there is nothing to ask before its lease runs out; all wake then, so chance spreads them. */
  #pauseMs(): number {
    const { random } = this.#options;
    const { retryPeriodMs } = this.#times;
    if (!this.#isKnownToBeHeld()) return retryPeriodMs * (1 + 0.2 * random.next());
    return this.#leftMs() + 0.1 * retryPeriodMs * random.next();
  }

  /** Until the lease that was seen last has run out. */
  #leftMs(): number {
    if (!this.#seen) return 0;
    return this.#seen.changedMs + durationMsOf(this.#seen.lease, this.#times) - this.#options.clock.monotonicMs();
  }

  /** False from the moment at which others may begin to count us out, whether or not our timers have run. */
  get surelyLeads(): boolean {
    return this.#options.clock.monotonicMs() < this.#renewedMs + this.#times.renewDeadlineMs;
  }

  /** Resolves true when the lead was lost, false when the signal aborted while it was ours. */
  async renewUntilLost(signal: AbortSignal): Promise<boolean> {
    const { clock, log, name } = this.#options;
    while (!signal.aborted) {
      const leftMs = () => this.#renewedMs + this.#times.renewDeadlineMs - clock.monotonicMs();
      try {
        await clock.sleep(Math.min(this.#times.retryPeriodMs, Math.max(leftMs(), 0)), signal);
        if (leftMs() <= 0) break;
        // A server that does not answer must not make us believe that we lead when others do.
        if (!(await this.#tryWithin(leftMs(), signal)) && this.#heldByOther()) break;
      } catch {
        if (signal.aborted) return false;
      }
    }
    if (signal.aborted) return false;
    log.error({ lease: name }, 'lost the lead');
    return true;
  }

  /** Lets the next candidate begin at once. Failing to is no harm: the lease runs out. */
  async release(): Promise<void> {
    const lease = this.#seen?.lease;
    if (lease?.spec.holderIdentity !== this.#options.identity) return;
    const spec: LeaseSpec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: this.#now() };
    try {
      await this.#client.update(
        kinds.leases,
        { ...lease, spec },
        { signal: deadlineSignal(this.#options.clock, releaseTimeoutMs) },
      );
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'lease not released');
    }
  }

  async #tryWithin(ms: number, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const attempt = childSignal(signal);
    const cancel = clock.after(ms, () => attempt.abort(new DeadlineError(`no answer within ${ms} ms`)));
    try {
      const isOurs = await raceAbort(this.#tryOnce(attempt.signal), attempt.signal);
      if (isOurs) this.#renewedMs = startedMs;
      return isOurs;
    } catch (error) {
      if (signal.aborted) throw error;
      return false;
    } finally {
      cancel();
      attempt.abort();
    }
  }

  async #tryOnce(signal: AbortSignal): Promise<boolean> {
    try {
      const current = await this.#read(signal);
      if (!current) return this.#keep(await this.#create(signal));
      this.#note(current);
      const { holderIdentity: holder } = current.spec;
      if (holder && holder !== this.#options.identity && !this.#hasExpired()) return false;
      return this.#keep(await this.#take(current, signal));
    } catch (error) {
      if (signal.aborted) throw error;
      // Another candidate was faster, or the server is away; both are tried again.
      if (!isStatus(error, 'Conflict', 'AlreadyExists')) {
        this.#options.log.debug({ error: messageOf(error) }, 'lease not read or written');
      }
      return false;
    }
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return await this.#client.get(kinds.leases, this.#options, { signal });
    } catch (error) {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #create(signal: AbortSignal): Promise<Lease> {
    const { namespace, name } = this.#options;
    const spec = { ...this.#ours(), acquireTime: this.#now(), leaseTransitions: 0 };
    const lease: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec };
    return this.#client.create(kinds.leases, lease, { signal });
  }

  #take(current: Lease, signal: AbortSignal): Promise<Lease> {
    const isOurs = current.spec.holderIdentity === this.#options.identity;
    const taken = { acquireTime: this.#now(), leaseTransitions: (current.spec.leaseTransitions ?? 0) + 1 };
    const spec = { ...current.spec, ...this.#ours(), ...(isOurs ? {} : taken) };
    return this.#client.update(kinds.leases, { ...current, spec }, { signal });
  }

  #ours(): LeaseSpec {
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#times.leaseDurationMs / 1000),
      renewTime: this.#now(),
    };
  }

  #keep(lease: Lease): true {
    this.#seen = { lease, changedMs: this.#options.clock.monotonicMs() };
    return true;
  }

  #note(lease: Lease): void {
    if (this.#seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    this.#seen = { lease, changedMs: this.#options.clock.monotonicMs() };
  }

  #hasExpired(): boolean {
    return this.#seen !== undefined && this.#leftMs() <= 0;
  }

  #heldByOther(): boolean {
    const holder = this.#seen?.lease.spec.holderIdentity;
    return holder !== undefined && holder !== '' && holder !== this.#options.identity;
  }

  #now(): string {
    return formatMicroTime(this.#options.clock.nowMs());
  }
}

/** What its holder says counts: it may be started with other times than we are. */
function durationMsOf({ spec }: Lease, { leaseDurationMs }: LeaseTimes): number {
  return spec.leaseDurationSeconds === undefined ? leaseDurationMs : spec.leaseDurationSeconds * 1000;
}

/** Stopping does not wait longer than this for a server that may be stopping too. */
const releaseTimeoutMs = 2000;

/**
 * Why a write whose answer was lost can be sent again, with several members. A transaction that was on its way to a leader that died may
 * still be carried out, seconds later, when that leader returns and hands it on. So each transaction of this process holds only while its
 * fence stands: a key of its own, at the revision that the process knows. When an answer is lost, the key is written again, and
 * whatever was sent before cannot be carried out any more. What is stored then says for good whether it was: each write leaves a mark.
 *
 *     /slipway-fences/LEASE     goes with its lease; a new one is made then
 */
import type { Revision } from '../backend.ts';

export const fencesPrefix = '/slipway-fences/';

/** An hour: what a process that ended leaves behind is gone then. */
const leaseSeconds = 3600;

export interface FenceCalls {
  /** Answers the lease's ID. */
  grant(ttlSeconds: number): Promise<string>;
  /** Writes the key with nothing in it; answers the revision. Harmless when it happens twice. */
  put(key: string, lease: string): Promise<Revision>;
}

/** What transactions are compared with. */
export interface StandingFence {
  readonly key: string;
  readonly revision: Revision;
  readonly lease: string;
}

export class Fence {
  readonly #calls: FenceCalls;
  /** The one that stands; undefined while there is none, or while it is being raised. */
  #current: StandingFence | undefined;
  #coming: Promise<StandingFence> | undefined;
  #writes = 0;

  constructor(calls: FenceCalls) {
    this.#calls = calls;
  }

  async standing(): Promise<StandingFence> {
    return this.#current ?? (await (this.#coming ?? this.#become(this.#make(), undefined)));
  }

  /** A text that no other write has. */
  mark({ lease }: StandingFence): string {
    return `${BigInt(lease).toString(36)}.${(this.#writes++).toString(36)}`;
  }

  /** After this nothing is carried out that was sent while `known` stood. All who lost an answer under it share one write. */
  async raise(known: StandingFence): Promise<void> {
    if (this.#current === known) {
      const { key, lease } = known;
      const raised = this.#calls.put(key, lease).then((revision) => ({ key, lease, revision }));
      await this.#become(raised, known);
    } else await this.standing();
  }

  /** The key is at another revision than `known` says, a late write of ours, or (undefined) it went with its lease: `known` has fallen. */
  found(known: StandingFence, revision: Revision | undefined): void {
    if (this.#current === known) this.#current = revision === undefined ? undefined : { ...known, revision };
  }

  async #make(): Promise<StandingFence> {
    const lease = await this.#calls.grant(leaseSeconds);
    const key = fencesPrefix + lease;
    return { key, lease, revision: await this.#calls.put(key, lease) };
  }

  /** When it fails, what stood before stands: nobody may believe that it fell. */
  #become(coming: Promise<StandingFence>, before: StandingFence | undefined): Promise<StandingFence> {
    this.#current = undefined;
    this.#coming = coming.then(
      (fence) => {
        this.#current = fence;
        this.#coming = undefined;
        return fence;
      },
      (error) => {
        this.#current = before;
        this.#coming = undefined;
        throw error;
      },
    );
    return this.#coming;
  }
}

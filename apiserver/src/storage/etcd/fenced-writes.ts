/** Writes to several members: one whose answer was lost is found out about, and sent again when it was not carried out. See `fence.ts`. */
import type { Clock } from '@slipway/kit/clock';
import type { ICompare, IKeyValue, IRangeRequest, IRangeResponse, IRequestOp, ITxnRequest, ITxnResponse } from 'etcd3';
import { type Revision, StorageError, type WriteResult } from '../backend.ts';
import { causeKeyOf, decodeEntry, hasMark } from './envelope.ts';
import { Fence, type FenceCalls, type StandingFence } from './fence.ts';

export interface FencedWritesOptions extends FenceCalls {
  readonly clock: Clock;
  /** Throws `StorageError` 'unknownOutcome' when the answer was lost. */
  send(request: ITxnRequest, signal: AbortSignal): Promise<ITxnResponse>;
  range(request: IRangeRequest, signal: AbortSignal): Promise<IRangeResponse>;
}

/** From the first try on. A change of leader takes one to two seconds. */
const tryForMs = 5_000;

/** Versions of a key that are looked through for a write of ours, which others have written over meanwhile. */
const versionsMax = 16;

/** One try. */
interface Write {
  readonly key: string;
  readonly expected: Revision;
  readonly mark: string;
  readonly fence: StandingFence;
  /** It was sent after this revision. */
  readonly after: Revision;
}

type Outcome = WriteResult | 'not carried out';

export class FencedWrites {
  readonly #options: FencedWritesOptions;
  readonly #fence: Fence;
  /** The newest revision that anybody was told of here: what happened up to it was before what is sent now. */
  #head: Revision = 0n;

  constructor(options: FencedWritesOptions) {
    this.#options = options;
    this.#fence = new Fence(options);
  }

  /** `changesOf` makes the operations of one try. Throws `StorageError` 'unknownOutcome' when it could not be found out in time. */
  async change(
    key: string,
    expected: Revision,
    changesOf: (mark: string) => IRequestOp[],
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const untilMs = this.#options.clock.monotonicMs() + tryForMs;
    for (;;) {
      const fence = await this.#fence.standing();
      const mark = this.#fence.mark(fence);
      const request: ITxnRequest = {
        compare: [unchanged(key, expected), unchanged(fence.key, fence.revision)],
        success: changesOf(mark),
        failure: [read(key), read(fence.key)],
      };
      const write = { key, expected, mark, fence, after: this.#head };
      let outcome: Outcome;
      try {
        outcome = this.#outcomeOf(await this.#options.send(request, signal), write);
      } catch (error) {
        if (!(error instanceof StorageError) || error.reason !== 'unknownOutcome') throw error;
        outcome = await this.#foundOut(error, write, signal);
        if (outcome === 'not carried out' && this.#options.clock.monotonicMs() >= untilMs) {
          throw new StorageError('unavailable', error.message, { cause: error });
        }
      }
      if (outcome === 'not carried out') continue;
      if (outcome.outcome === 'written') this.#sawRevision(outcome.revision);
      return outcome;
    }
  }

  #sawRevision(revision: Revision): void {
    if (revision > this.#head) this.#head = revision;
  }

  #outcomeOf(response: ITxnResponse, { fence, expected }: Write): Outcome {
    this.#sawRevision(BigInt(response.header.revision));
    if (response.succeeded) return resultOf(response);
    const [found, foundFence] = response.responses.map(({ response_range: range }) => range?.kvs[0]);
    if (revisionOf(foundFence) === fence.revision || revisionOf(found) !== expected) return resultOf(response);
    this.#fence.found(fence, foundFence && revisionOf(foundFence));
    return 'not carried out';
  }

  /** Throws the lost answer's own error when the members cannot be asked, or when it cannot be said. */
  async #foundOut(lost: StorageError, write: Write, signal: AbortSignal): Promise<Outcome> {
    try {
      await this.#fence.raise(write.fence);
      return (await this.#trace(write, signal)) ?? Promise.reject(lost);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof StorageError && error.reason === 'unavailable') throw lost;
      throw error;
    }
  }

  /** Looks for the mark, backwards from what is stored. Undefined: the traces are gone. */
  async #trace({ key, expected, mark, after }: Write, signal: AbortSignal): Promise<Outcome | undefined> {
    const deletion = await this.#read(causeKeyOf(key), signal);
    if (deletion && hasMark(deletion.value, mark)) return { outcome: 'written', revision: revisionOf(deletion) };
    const current = await this.#read(key, signal);
    let version = current;
    for (let seen = 0; seen < versionsMax && version && revisionOf(version) > expected; seen++) {
      const revision = revisionOf(version);
      if (hasMark(version.value, mark)) return { outcome: 'written', revision };
      version = await this.#read(key, signal, revision - 1n);
    }
    if (revisionOf(current) === expected) {
      // Of a create: it may have been there, and been deleted again.
      return expected === 0n && revisionOf(deletion) > after ? undefined : 'not carried out';
    }
    const isWholeStory = expected > 0n && version !== undefined && revisionOf(version) <= expected;
    const isAnotherLife = expected === 0n && version === undefined && revisionOf(deletion) <= after;
    return isWholeStory || isAnotherLife
      ? { outcome: 'conflict', current: current && decodeEntry(current) }
      : undefined;
  }

  async #read(key: string, signal: AbortSignal, at?: Revision): Promise<IKeyValue | undefined> {
    const revision = at === undefined ? {} : { revision: String(at) };
    return (await this.#options.range({ key: Buffer.from(key), ...revision }, signal)).kvs[0];
  }
}

export function unchanged(key: string, revision: Revision): ICompare {
  return { key: Buffer.from(key), target: 'Mod', result: 'Equal', mod_revision: String(revision) };
}

export function read(key: string): IRequestOp {
  return { request_range: { key: Buffer.from(key) } };
}

/** Of a transaction that reads the key when it fails. */
export function resultOf(response: ITxnResponse): WriteResult {
  if (response.succeeded) return { outcome: 'written', revision: BigInt(response.header.revision) };
  const found = response.responses[0]?.response_range.kvs[0];
  return { outcome: 'conflict', current: found && decodeEntry(found) };
}

/** 0 of what is not there, as etcd compares it. */
function revisionOf(found: IKeyValue | undefined): Revision {
  return BigInt(found?.mod_revision ?? 0);
}

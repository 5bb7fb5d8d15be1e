/**
 * Group commit: one transaction at a time; what arrives while it runs shares the next one. A write is decided (its
 * revision given) before it is queued, against the state that earlier queued writes will leave. So when a transaction
 * fails, everything queued behind it fails with it.
 */
import type { PendingChange } from './tables.ts';

interface Queued {
  /** Committed together or not at all. */
  readonly changes: readonly PendingChange[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Bounds the time that one transaction takes, and so the wait of a writer behind it. */
const changesPerCommitMax = 500;
const bytesPerCommitMax = 8 * 1024 * 1024;

/** Bounds the memory of writers that wait; far above what the server's own request limits let through. */
export const queuedChangesMax = 20_000;

export interface GroupCommitDeps {
  /** Makes the changes durable, or none of them. */
  commit(changes: readonly PendingChange[]): Promise<void>;
  /** After a commit, before its writers go on. */
  committed(changes: readonly PendingChange[]): void;
  /** After a failure, before its writers learn of it: all that was queued is void. Returns what they are told. */
  failed(error: unknown): unknown;
}

export class GroupCommit {
  readonly #deps: GroupCommitDeps;
  #queue: Queued[] = [];
  #running: Promise<void> | undefined;

  constructor(deps: GroupCommitDeps) {
    this.#deps = deps;
  }

  get isFull(): boolean {
    return this.#queue.length >= queuedChangesMax;
  }

  get isIdle(): boolean {
    return this.#running === undefined;
  }

  /** Resolves when the changes, which share a revision, are durable. Revisions are committed in the order of the calls. */
  add(changes: readonly PendingChange[]): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#queue.push({ changes, resolve, reject });
    });
    this.#running ??= this.#run();
    return done;
  }

  /** Resolves when nothing is queued. */
  async drain(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // the writers that are ready in this turn come along
    while (this.#queue.length > 0) await this.#commitNext();
    this.#running = undefined;
  }

  async #commitNext(): Promise<void> {
    const batch = this.#take();
    const changes = batch.flatMap(({ changes: own }) => own);
    try {
      await this.#deps.commit(changes);
    } catch (error) {
      const behind = this.#queue;
      this.#queue = [];
      const told = this.#deps.failed(error);
      for (const { reject } of [...batch, ...behind]) reject(told);
      return;
    }
    this.#deps.committed(changes);
    for (const { resolve } of batch) resolve();
  }

  #take(): Queued[] {
    let count = 0;
    for (
      let bytes = 0;
      count < this.#queue.length && count < changesPerCommitMax && bytes < bytesPerCommitMax;
      count++
    ) {
      for (const { change } of this.#queue[count]?.changes ?? []) bytes += change.value.length;
    }
    return this.#queue.splice(0, count);
  }
}

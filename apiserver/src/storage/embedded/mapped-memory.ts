/**
 * Gives back, now and then, the memory of pages that writes brought in. LMDB maps its file, and the kernel maps the neighbours of a page that
 * is touched: after writing 50,000 pods their 200 MB count as this process' own, though nobody reads them again.
 *
 * The file is unmapped by opening it anew. That is done from a timer, when no transaction is under way: closing then waits for nothing but
 * promises that are settled, so nobody comes in between.
 */
import type { Clock } from '@slipway/kit/clock';
import type { Tables } from './tables.ts';

/** Less is not worth a second opening. */
export const unmappedBytesMin = 32 * 1024 * 1024;

/** Between asking whether the store is idle. */
const lookMs = 1_000;

export interface MappedMemoryDeps {
  readonly clock: Clock;
  /** Its `unmap` must not fail: without its file the store is of no use, and the process ends. */
  readonly tables: Pick<Tables, 'unmap'>;
  isIdle(): boolean;
}

export class MappedMemory {
  readonly #deps: MappedMemoryDeps;
  #writtenBytes = 0;
  #cancel: (() => void) | undefined;

  constructor(deps: MappedMemoryDeps) {
    this.#deps = deps;
  }

  wrote(bytes: number): void {
    this.#writtenBytes += bytes;
    if (this.#writtenBytes >= unmappedBytesMin) this.#cancel ??= this.#deps.clock.after(lookMs, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
  }

  #look(): void {
    if (!this.#deps.isIdle()) {
      this.#cancel = this.#deps.clock.after(lookMs, () => this.#look());
      return;
    }
    this.#cancel = undefined;
    this.#writtenBytes = 0;
    void this.#deps.tables.unmap();
  }
}

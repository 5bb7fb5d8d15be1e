/**
 * Disk space ahead of LMDB. The native code of lmdb-js 3.5 damages its own heap when the disk refuses a page (it formats
 * the error into too small a buffer), so it must never see a full disk: before a transaction its pages are there, written
 * with zeros behind the part of the file that LMDB uses. That the blocks exist already also makes its sync cheaper.
 *
 * A file system that copies on write may still run out of space; there this guard is worth nothing.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { StorageError } from '../backend.ts';

export const pageBytes = 4_096;

/** The file grows by an eighth of its size, within these bounds: small when idle, seldom under load. */
const growthBytesMin = 1024 * 1024;
const growthBytesMax = 32 * 1024 * 1024;

/** Kept for deletes and compaction, so that a full store can be emptied. */
const reserveBytes = 4 * 1024 * 1024;

export class DataFileSpace {
  readonly #path: string;
  readonly #lastPage: () => number;
  #file: FileHandle | undefined;
  /** The file has blocks up to here. Nothing of the past is trusted: a restored file may have holes. */
  #allocatedEnd: number;
  /** What LMDB may still use at least, by a careful estimate. */
  #budgetBytes = 0;

  /** `lastPage`: the number of the last page that LMDB uses. */
  constructor(path: string, lastPage: () => number) {
    this.#path = path;
    this.#lastPage = lastPage;
    this.#allocatedEnd = this.#usedEnd();
  }

  get allocatedBytes(): number {
    return this.#allocatedEnd;
  }

  /**
   * Makes sure that a transaction of at most so many pages finds its space. Throws `StorageError` 'full'. What frees
   * space may use the reserve. To be called before every transaction, one at a time.
   */
  async reserve(pages: number, isFreeing: boolean): Promise<void> {
    const neededBytes = pages * pageBytes;
    const wantedBytes = neededBytes + (isFreeing ? 0 : reserveBytes);
    if (this.#budgetBytes < wantedBytes) this.#budgetBytes = this.#allocatedEnd - this.#usedEnd();
    if (this.#budgetBytes < wantedBytes) await this.#grow(wantedBytes);
    this.#budgetBytes -= neededBytes;
  }

  async #grow(wantedBytes: number): Promise<void> {
    const eighth = Math.min(Math.max(this.#allocatedEnd / 8, growthBytesMin), growthBytesMax);
    const bytes = Math.ceil(Math.max(wantedBytes - this.#budgetBytes, eighth) / growthBytesMin) * growthBytesMin;
    try {
      this.#file ??= await open(this.#path, 'r+');
      const end = this.#allocatedEnd + bytes;
      while (this.#allocatedEnd < end) {
        const { bytesWritten } = await this.#file.write(zeros, 0, zeros.length, this.#allocatedEnd);
        this.#allocatedEnd += bytesWritten;
        this.#budgetBytes += bytesWritten;
      }
    } catch (cause) {
      if (this.#budgetBytes >= wantedBytes) return; // less than a growth step, but enough
      const code = errnoOf(cause);
      if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
        throw new StorageError('full', `no space left for ${this.#path}; free some space on its file system`, {
          cause,
        });
      }
      throw new StorageError('unavailable', `grow ${this.#path}: ${messageOf(cause)}`, { cause });
    }
  }

  #usedEnd(): number {
    return (this.#lastPage() + 1) * pageBytes;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}

const zeros = Buffer.alloc(growthBytesMin);

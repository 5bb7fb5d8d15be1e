/** Writes a backup beside its place and puts it there when it is whole and on the disk. */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { encodeEnd, encodeEntry, encodeHeader } from './backup-file.ts';
import type { Dump } from './dump.ts';

/** Entries are written together up to this size. */
const chunkBytes = 1024 * 1024;

export interface WrittenBackup {
  readonly revision: bigint;
  readonly entries: number;
  readonly sizeBytes: number;
}

/** The file holds Secrets: only its owner may read it. What was there is replaced at the end, or stays. */
export async function writeBackup(path: string, dump: Dump, signal: AbortSignal): Promise<WrittenBackup> {
  const unfinished = `${path}.unfinished`;
  const file = await open(unfinished, 'w', 0o600);
  try {
    const writer = new ChunkWriter(file);
    await writer.add(encodeHeader(dump.revision));
    let entries = 0;
    for await (const entry of dump.entries) {
      signal.throwIfAborted();
      await writer.add(encodeEntry(entry));
      entries++;
    }
    await writer.flush();
    await writer.add(encodeEnd(entries, writer.digest()));
    await writer.flush();
    await file.sync();
    await file.close();
    await rename(unfinished, path);
    return { revision: dump.revision, entries, sizeBytes: writer.sizeBytes };
  } catch (error) {
    await file.close().catch(() => {});
    await rm(unfinished, { force: true });
    throw error;
  }
}

class ChunkWriter {
  sizeBytes = 0;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  #parts: Buffer[] = [];
  #partsBytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async add(part: Buffer): Promise<void> {
    this.#parts.push(part);
    this.#partsBytes += part.length;
    if (this.#partsBytes >= chunkBytes) await this.flush();
  }

  async flush(): Promise<void> {
    const chunk = Buffer.concat(this.#parts, this.#partsBytes);
    this.#parts = [];
    this.#partsBytes = 0;
    this.#hash.update(chunk);
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#file.write(chunk, done);
      done += bytesWritten;
    }
    this.sizeBytes += chunk.length;
  }

  /** Of all that was flushed. */
  digest(): Buffer {
    return this.#hash.copy().digest();
  }
}

/** Reads a backup: the whole of it is checked before anybody gets an entry. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { StorageError } from '../backend.ts';
import { type BackupRecord, bodyLength, decodeBody, decodeHeader, frameBytes, headerBytes } from './backup-file.ts';
import type { DumpedEntry, EntryPlaces, RestoreSource } from './dump.ts';

export interface BackupReader extends RestoreSource {
  close(): Promise<void>;
}

/** Throws `StorageError` 'corrupt' when the file is not a backup, cut short, or damaged anywhere. */
export async function openBackup(path: string, signal: AbortSignal): Promise<BackupReader> {
  const file = await open(path, 'r').catch((cause) => {
    const what = errnoOf(cause) === 'ENOENT' ? `there is no file ${path}` : `open ${path}: ${messageOf(cause)}`;
    throw new StorageError('unavailable', what, { cause });
  });
  try {
    const reader = new RecordReader(file, path);
    const header = await reader.take(headerBytes);
    const revision = decodeHeader(header ?? Buffer.alloc(0), path);
    const places = await check(path, header ?? Buffer.alloc(0), reader, signal);
    return {
      revision,
      places,
      entryAt: (place) => entryAt(file, path, places.offsets[place] ?? 0),
      entries: (until) => entries(file, path, until),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Reads every record up to the end. */
async function check(path: string, header: Buffer, reader: RecordReader, signal: AbortSignal): Promise<EntryPlaces> {
  const hash = createHash('sha256').update(header);
  const places = new PlacesBuilder();
  for (;;) {
    signal.throwIfAborted();
    const offset = reader.offset;
    const { record, frame, body } = await reader.next();
    if (record.type === 'end') {
      const isWhole = record.count === places.count && record.sha256.equals(hash.digest());
      if (!isWhole) throw damaged(path, 'its checksum does not match');
      if (await reader.take(1)) throw damaged(path, 'something follows its end');
      return places.build();
    }
    hash.update(frame).update(body);
    places.add(offset, record.entry);
  }
}

async function* entries(file: FileHandle, path: string, signal: AbortSignal): AsyncGenerator<DumpedEntry> {
  const reader = new RecordReader(file, path);
  await reader.take(headerBytes);
  for (;;) {
    signal.throwIfAborted();
    const { record } = await reader.next();
    if (record.type === 'end') return;
    yield record.entry;
  }
}

async function entryAt(file: FileHandle, path: string, offset: number): Promise<DumpedEntry> {
  const { record } = await new RecordReader(file, path, offset, 16 * 1024).next();
  if (record.type !== 'entry') throw damaged(path, 'it was changed while it was read');
  return record.entry;
}

function damaged(path: string, what: string): StorageError {
  return new StorageError('corrupt', `${path} is a damaged backup: ${what}; use another backup`);
}

const chunkBytesDefault = 1024 * 1024;

/** Reads on from an offset, a chunk at a time. */
class RecordReader {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #chunkBytes: number;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkAt: number;
  offset: number;

  constructor(file: FileHandle, path: string, offset = 0, chunkBytes = chunkBytesDefault) {
    this.#file = file;
    this.#path = path;
    this.#chunkBytes = chunkBytes;
    this.#chunkAt = offset;
    this.offset = offset;
  }

  async next(): Promise<{ record: BackupRecord; frame: Buffer; body: Buffer }> {
    const at = this.offset;
    const frame = await this.take(frameBytes);
    if (!frame) throw damaged(this.#path, `it was cut short at byte ${at}`);
    const length = bodyLength(frame);
    if (length === undefined) throw damaged(this.#path, `the record at byte ${at} cannot be`);
    const body = await this.take(length);
    if (!body) throw damaged(this.#path, `it was cut short in the record at byte ${at}`);
    const record = decodeBody(frame, body);
    if (!record) throw damaged(this.#path, `the record at byte ${at} does not match its checksum`);
    return { record, frame, body };
  }

  /** The next bytes, of their own; undefined when there are fewer. */
  async take(length: number): Promise<Buffer | undefined> {
    const from = this.offset - this.#chunkAt;
    if (from + length > this.#chunk.length) await this.#read(length);
    const start = this.offset - this.#chunkAt;
    if (start + length > this.#chunk.length) return undefined;
    this.offset += length;
    return this.#chunk.subarray(start, start + length);
  }

  /** A new chunk each time: entries that were handed out point into the old one. */
  async #read(length: number): Promise<void> {
    const chunk = Buffer.allocUnsafe(Math.max(length, this.#chunkBytes));
    let filled = 0;
    while (filled < chunk.length) {
      const { bytesRead } = await this.#file.read(chunk, filled, chunk.length - filled, this.offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#chunk = chunk.subarray(0, filled);
    this.#chunkAt = this.offset;
  }
}

const placesMin = 1_024;

class PlacesBuilder {
  count = 0;
  #columns = [new Float64Array(placesMin), new Float64Array(placesMin), new Float64Array(placesMin)] as const;

  add(offset: number, { createRevision, modRevision }: DumpedEntry): void {
    if (this.count === this.#columns[0].length) this.#grow();
    this.#columns[0][this.count] = offset;
    this.#columns[1][this.count] = Number(createRevision);
    this.#columns[2][this.count] = Number(modRevision);
    this.count++;
  }

  #grow(): void {
    const grown = (column: Float64Array) => {
      const larger = new Float64Array(column.length * 2);
      larger.set(column);
      return larger;
    };
    const [offsets, created, modified] = this.#columns;
    this.#columns = [grown(offsets), grown(created), grown(modified)];
  }

  build(): EntryPlaces {
    const [offsets, created, modified] = this.#columns.map((column) => column.subarray(0, this.count));
    const empty = new Float64Array(0);
    return {
      count: this.count,
      offsets: offsets ?? empty,
      createRevisions: created ?? empty,
      modRevisions: modified ?? empty,
    };
  }
}

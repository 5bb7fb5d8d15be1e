/**
 * Container logs in CRI's format: one entry per line,
 *
 *   2026-01-02T03:04:05.000000000Z stdout F the text
 *
 * where `P` instead of `F` says that the line goes on in the next entry of the same stream. A log is the current file
 * `N.log` and the files that were rotated away from it, `N.log.TIME` or, packed, `N.log.TIME.gz`, whose names sort by time.
 */
import { watch } from 'node:fs';
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Clock } from '@slipway/kit/clock';
import { errnoOf } from '@slipway/kit/errors';

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  /** Entries before this time are left out. */
  readonly sinceMs?: number;
  readonly limitBytes?: number;
  /** Only one of the two streams. */
  readonly stream?: 'stdout' | 'stderr';
}

export interface LogSource {
  /** Path of the current file. */
  readonly path: string;
  /** While true, a follower waits for more at the end of the file. */
  readonly isRunning: () => Promise<boolean>;
  readonly clock: Clock;
}

const chunkBytes = 64 * 1024;
/** A packed file is at most as large as a log file may grow; more is not ours. */
const unpackedBytesMax = 64 * 1024 * 1024;
/** A follower looks again at least so often, for file systems that do not tell of changes. */
const followPollMs = 1000;

/** Yields what a client is to read. Ends at the end of the log, or for a follower when the container has ended. */
export async function* readContainerLog(
  source: LogSource,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  const writer = new EntryWriter(options);
  const rotated = await rotatedFiles(source.path);
  const start = await findStart([...rotated, source.path], options);
  for (const [i, path] of rotated.entries()) {
    if (i < start.file) continue;
    const content = await readWhole(path);
    const text = writer.write(content.subarray(i === start.file ? start.offset : 0));
    if (text.length > 0) yield text;
    if (writer.isFull) return;
  }
  const offset = start.file === rotated.length ? start.offset : 0;
  for await (const chunk of readCurrent(source, offset, options.follow, signal)) {
    const text = writer.write(chunk);
    if (text.length > 0) yield text;
    if (writer.isFull) return;
  }
}

/** The last lines of a log as plain text, both streams, bounded in lines and bytes. */
export async function readLastLines(path: string, limits: { lines: number; bytes: number }): Promise<string> {
  const content = await readWhole(path);
  const { offset } = tailOffset(content, limits.lines);
  const text = new EntryWriter({ follow: false, timestamps: false }).write(content.subarray(offset));
  return text.subarray(Math.max(text.length - limits.bytes, 0)).toString();
}

/** Oldest first. */
export async function rotatedFiles(path: string): Promise<string[]> {
  const directory = dirname(path);
  const names = await readdir(directory).catch(() => []);
  const prefix = `${basename(path)}.`;
  const rotated = names.filter(
    (name) => name.startsWith(prefix) && /^\d/.test(name.slice(prefix.length)) && !name.endsWith('.tmp'),
  );
  return rotated.sort().map((name) => join(directory, name));
}

async function readWhole(path: string): Promise<Buffer> {
  try {
    const content = await readFile(path);
    return path.endsWith('.gz') ? await promisify(gunzip)(content, { maxOutputLength: unpackedBytesMax }) : content;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** In which file and where in it the reading begins. */
async function findStart(
  files: readonly string[],
  { tailLines }: LogOptions,
): Promise<{ file: number; offset: number }> {
  if (tailLines === undefined) return { file: 0, offset: 0 };
  let missing = tailLines;
  for (let file = files.length - 1; file >= 0; file--) {
    const found = tailOffset(await readWhole(files[file] ?? ''), missing);
    missing -= found.lines;
    if (missing <= 0 || file === 0) return { file, offset: found.offset };
  }
  return { file: 0, offset: 0 };
}

/** Where the last `lines` whole lines begin; partial entries count with the line that they belong to. */
function tailOffset(content: Buffer, lines: number): { offset: number; lines: number } {
  if (lines === 0) return { offset: content.length, lines: 0 };
  let found = 0;
  let lineStart = content.length;
  for (let end = content.length; end > 0; ) {
    const start = content.lastIndexOf(10, end - 2) + 1;
    if (isFullEntry(content, start)) {
      if (found === lines) return { offset: lineStart, lines: found };
      found++;
    }
    lineStart = start;
    end = start;
  }
  return { offset: 0, lines: found };
}

/** The tag is the third word. */
function isFullEntry(content: Buffer, start: number): boolean {
  const first = content.indexOf(32, start);
  const second = first === -1 ? -1 : content.indexOf(32, first + 1);
  return second !== -1 && content[second + 1] === 'F'.charCodeAt(0);
}

async function* readCurrent(
  { path, isRunning, clock }: LogSource,
  offset: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  let file = await openIfThere(path);
  const changes = follow ? watchDirectory(dirname(path)) : undefined;
  try {
    let position = offset;
    for (;;) {
      // Asked before the reading, so that what was written before the end is read after it.
      const running = follow && !signal.aborted && (await isRunning());
      if (file) {
        for await (const chunk of readFrom(file, position)) {
          position += chunk.length;
          yield chunk;
        }
      }
      if (signal.aborted) return;
      const next = await reopened(path, file);
      if (next) {
        await file?.close();
        file = next;
        position = 0;
        continue;
      }
      if (!running) return;
      await changes?.wait(clock, signal);
    }
  } finally {
    changes?.close();
    await file?.close();
  }
}

async function* readFrom(file: FileHandle, offset: number): AsyncGenerator<Buffer, void, void> {
  for (let position = offset; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The file under this name now, if it is another one than `current`: the log was rotated. */
async function reopened(path: string, current: FileHandle | undefined): Promise<FileHandle | undefined> {
  const candidate = await openIfThere(path);
  if (!candidate || !current) return candidate;
  const [a, b] = await Promise.all([candidate.stat(), current.stat()]);
  if (a.ino !== b.ino) return candidate;
  await candidate.close();
  return undefined;
}

function watchDirectory(directory: string) {
  let changed = false;
  let wake = () => {};
  const watcher = watch(directory, { persistent: false }, () => {
    changed = true;
    wake();
  });
  watcher.on('error', () => {}); // the poll goes on
  return {
    wait: async (clock: Clock, signal: AbortSignal) => {
      if (!changed) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(followPollMs, resolve);
          wake = () => {
            cancel();
            resolve();
          };
          signal.addEventListener('abort', wake, { once: true });
        });
        signal.removeEventListener('abort', wake);
      }
      changed = false;
    },
    close: () => watcher.close(),
  };
}

/** Turns entries into what the client reads, across chunk borders. */
class EntryWriter {
  readonly #options: LogOptions;
  #rest: Buffer = Buffer.alloc(0);
  /** By stream: the last entry was a part, so the next one goes on in the same line. */
  readonly #inLine = new Set<string>();
  #left: number;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  get isFull(): boolean {
    return this.#left <= 0;
  }

  write(chunk: Buffer): Buffer {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const parts: Buffer[] = [];
    let start = 0;
    for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10, start)) {
      this.#entry(data.subarray(start, end), parts);
      start = end + 1;
    }
    this.#rest = data.subarray(start);
    const text = Buffer.concat(parts);
    const allowed = text.subarray(0, Math.min(text.length, this.#left));
    this.#left -= allowed.length;
    return allowed;
  }

  #entry(line: Buffer, parts: Buffer[]): void {
    const timeEnd = line.indexOf(32);
    const streamEnd = line.indexOf(32, timeEnd + 1);
    const tagEnd = line.indexOf(32, streamEnd + 1);
    if (timeEnd === -1 || streamEnd === -1 || tagEnd === -1) return; // not an entry: a file that was cut
    const { timestamps, sinceMs, stream: wanted } = this.#options;
    const stream = line.toString('latin1', timeEnd + 1, streamEnd);
    if (wanted !== undefined && wanted !== stream) return;
    const time = line.toString('latin1', 0, timeEnd);
    if (sinceMs !== undefined && Date.parse(time) < sinceMs) return;
    const isPart = line.toString('latin1', streamEnd + 1, tagEnd).split(':')[0] === 'P';
    if (timestamps && !this.#inLine.has(stream)) parts.push(Buffer.from(`${time.replace(utcOffset, 'Z')} `));
    parts.push(line.subarray(tagEnd + 1));
    if (isPart) this.#inLine.add(stream);
    else {
      this.#inLine.delete(stream);
      parts.push(newline);
    }
  }
}

const newline = Buffer.from('\n');
/** As conmon writes UTC; clients know it as Z. */
const utcOffset = /\+00:00$/;

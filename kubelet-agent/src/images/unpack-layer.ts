import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Duplex, PassThrough, type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { type Extract, extract } from 'tar-stream';
import { isRuntimeError, RuntimeError } from '../runtime/cri.ts';
import { LayerWriter } from './layer-writer.ts';

/** A layer that is larger than this when unpacked is taken for a decompression bomb. */
const unpackedBytesMax = 64 * 1024 ** 3;
/** Many times the files of the largest images that are in use. */
const entriesMax = 5_000_000;

export interface UnpackRequest {
  /** Tar archive, plain or compressed by gzip or zstd. */
  readonly file: string;
  /** Empty directory that gets the layer. */
  readonly directory: string;
  /** Digest of the uncompressed archive, which is checked. */
  readonly diffId: string;
  readonly log: Logger;
}

/** Unpacks one layer. Throws `imageCorrupt`; what was written by then is the caller's to remove. */
export async function unpackLayer(
  request: UnpackRequest,
  signal: AbortSignal,
): Promise<{ readonly sizeBytes: number; readonly inodes: number }> {
  const hash = createHash('sha256');
  let unpackedBytes = 0;
  const meter = new Transform({
    transform: (chunk: Buffer, _, done) => {
      hash.update(chunk);
      unpackedBytes += chunk.length;
      if (unpackedBytes > unpackedBytesMax) done(corrupt(`layer is larger than ${unpackedBytesMax} bytes`));
      else done(null, chunk);
    },
  });
  const writer = new LayerWriter(request.directory, (message, fields) => request.log.warn(fields, message));
  const decompress = await decompressor(request.file);
  const entries = extract();
  const outcomes = await Promise.allSettled([
    writeEntries(entries, writer),
    pipeline(createReadStream(request.file), decompress, meter, entries, { signal }),
  ]);
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  if (failures.length > 0) {
    signal.throwIfAborted();
    // One side's failure shows on the other as a stream that was closed.
    const telling = failures.find((failure) => isRuntimeError(failure) || isFullDisk(failure));
    if (telling !== undefined) throw telling;
    const cause = failures[0];
    throw new RuntimeError('imageCorrupt', `unpack layer ${request.diffId}: ${messageOf(cause)}`, { cause });
  }
  await writer.finish();
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== request.diffId) throw corrupt(`layer has the digest ${found} and should have ${request.diffId}`);
  return { sizeBytes: writer.sizeBytes, inodes: writer.entryCount };
}

async function writeEntries(entries: Extract, writer: LayerWriter): Promise<void> {
  for await (const entry of entries) {
    if (writer.entryCount >= entriesMax) throw corrupt(`layer has more than ${entriesMax} entries`);
    await writer.write(entry.header, entry as unknown as Readable);
  }
}

const isFullDisk = (error: unknown) => (error as { code?: string }).code === 'ENOSPC';

const corrupt = (message: string) => new RuntimeError('imageCorrupt', message);

/** By the first bytes, since media types of archives in the wild are wrong often enough. */
export async function decompressor(path: string): Promise<Duplex> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (buffer[0] === 0x1f && buffer[1] === 0x8b) return createGunzip();
    if (buffer.readUInt32LE(0) === 0xfd2fb528) return createZstdDecompress();
    return new PassThrough();
  } finally {
    await file.close();
  }
}

/**
 * Header blocks: names and values with their lengths, compressed by one zlib stream per direction that lasts as long
 * as the connection. Blocks must therefore be read and written in the order of their frames, one at a time.
 */
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';
import { SpdyError } from './frame-codec.ts';
import { headerDictionary } from './header-dictionary.ts';

export type SpdyHeaders = Readonly<Record<string, string>>;

/** Inflated size of one block; the headers of a stream are a few hundred bytes. */
const blockBytesMax = 64 * 1024;

export class HeaderBlockReader {
  readonly #inflate: Inflate = createInflate({ dictionary: headerDictionary, finishFlush: constants.Z_SYNC_FLUSH }).on(
    'error',
    () => {},
  );

  async read(block: Buffer): Promise<SpdyHeaders> {
    return parseHeaders(await pass(this.#inflate, block));
  }

  close(): void {
    this.#inflate.destroy();
  }
}

export class HeaderBlockWriter {
  readonly #deflate: Deflate = createDeflate({ dictionary: headerDictionary, flush: constants.Z_SYNC_FLUSH });

  write(headers: SpdyHeaders): Promise<Buffer> {
    return pass(this.#deflate, encodeHeaders(headers));
  }

  close(): void {
    this.#deflate.destroy();
  }
}

/** Sends bytes through a zlib stream that flushes after every write; answers what came out. */
async function pass(stream: Inflate | Deflate, input: Buffer): Promise<Buffer> {
  const output: Buffer[] = [];
  let size = 0;
  const collect = (chunk: Buffer) => {
    size += chunk.length;
    if (size <= blockBytesMax) output.push(chunk);
  };
  stream.on('data', collect);
  try {
    await new Promise<void>((resolve, reject) => {
      stream.once('error', reject); // a failure may come without the write's callback
      stream.write(input, (error) => {
        stream.off('error', reject);
        if (error) reject(error);
        else resolve();
      });
    });
  } catch (cause) {
    throw new SpdyError('header block cannot be read', { cause });
  } finally {
    stream.off('data', collect);
  }
  if (size > blockBytesMax) throw new SpdyError(`header block is larger than ${blockBytesMax} bytes`);
  return Buffer.concat(output);
}

export function encodeHeaders(headers: SpdyHeaders): Buffer {
  const entries = Object.entries(headers);
  const parts: Buffer[] = [uint32(entries.length)];
  for (const [name, value] of entries) {
    for (const text of [name.toLowerCase(), value]) {
      const bytes = Buffer.from(text, 'latin1');
      parts.push(uint32(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

export function parseHeaders(block: Buffer): SpdyHeaders {
  let at = 0;
  const readNumber = () => {
    if (at + 4 > block.length) throw new SpdyError('header block ends too early');
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const readText = () => {
    const length = readNumber();
    if (at + length > block.length) throw new SpdyError('header block ends too early');
    at += length;
    return block.toString('latin1', at - length, at);
  };
  const headers: [string, string][] = [];
  for (let left = readNumber(); left > 0; left--) headers.push([readText().toLowerCase(), readText()]);
  return Object.fromEntries(headers);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/**
 * SPDY/3.1 frames (SPDY protocol draft 3.1, section 2.2).
 *
 *   control frame: 1 | version (15 bits) | type (16) | flags (8) | length (24) | body
 *   data frame:    0 | stream id (31)    |             flags (8) | length (24) | body
 */
export const frameTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const flagFin = 0x01;
const version = 3;
const headerBytes = 8;

/** A frame larger than this ends the connection; clients of exec and port-forward send at most 64 KiB at a time. */
export const frameBytesMax = 1024 * 1024;

export type Frame =
  | { readonly kind: 'data'; readonly streamId: number; readonly flags: number; readonly body: Buffer }
  | { readonly kind: 'control'; readonly type: number; readonly flags: number; readonly body: Buffer };

export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}

/** Cuts a byte stream into frames; keeps what is incomplete. */
export class FrameReader {
  #buffer: Buffer = Buffer.alloc(0);

  *push(chunk: Buffer): Generator<Frame> {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= headerBytes) {
      const length = this.#buffer.readUIntBE(5, 3);
      if (length > frameBytesMax) throw new SpdyError(`frame of ${length} bytes is larger than ${frameBytesMax}`);
      if (this.#buffer.length < headerBytes + length) return;
      const frame = parseFrame(this.#buffer.subarray(0, headerBytes + length));
      this.#buffer = this.#buffer.subarray(headerBytes + length);
      yield frame;
    }
  }
}

function parseFrame(bytes: Buffer): Frame {
  const first = bytes.readUInt32BE(0);
  const flags = bytes[4] ?? 0;
  const body = bytes.subarray(headerBytes);
  if (first < 0x80000000) return { kind: 'data', streamId: first, flags, body };
  const spoken = (first >>> 16) & 0x7fff;
  if (spoken !== version) throw new SpdyError(`version ${spoken} is not spoken, only ${version}`);
  return { kind: 'control', type: first & 0xffff, flags, body };
}

export function encodeData(streamId: number, body: Uint8Array, isLast: boolean): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + body.length);
  frame.writeUInt32BE(streamId & 0x7fffffff, 0);
  frame.writeUInt32BE(body.length, 4);
  frame[4] = isLast ? flagFin : 0;
  frame.set(body, headerBytes);
  return frame;
}

export function encodeControl(type: number, flags: number, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + body.length);
  frame.writeUInt16BE(0x8000 | version, 0);
  frame.writeUInt16BE(type, 2);
  frame.writeUInt32BE(body.length, 4);
  frame[4] = flags;
  frame.set(body, headerBytes);
  return frame;
}

import { ProtobufError } from './protobuf-error.ts';

const utf8 = new TextDecoder();

/** Longer texts are left to the engine. */
const shortTextMax = 24;

/** A message's bytes, read from the front. Every method throws ProtobufError at the end of the bytes. */
export class WireReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#at = 0;
  }

  get at(): number {
    return this.#at;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The low 32 bits of a varint. */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ProtobufError('a varint is too long');
  }

  int64(): number {
    const start = this.#at;
    const low = this.uint32();
    if (this.#at - start < 5) return low;
    this.#at = start;
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
  }

  double(): number {
    this.#need(8);
    const value = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, 8).getFloat64(0, true);
    this.#at += 8;
    return value;
  }

  /** Reads a length, and answers where what it is the length of ends. */
  end(): number {
    const size = this.uint32();
    this.#need(size);
    return this.#at + size;
  }

  bytes(): Uint8Array {
    const end = this.end();
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  text(): string {
    const end = this.end();
    const start = this.#at;
    this.#at = end;
    if (end - start > shortTextMax) return utf8.decode(this.#bytes.subarray(start, end));
    let text = '';
    for (let index = start; index < end; index++) {
      const code = this.#bytes[index] as number;
      if (code > 0x7f) return utf8.decode(this.#bytes.subarray(start, end));
      text += String.fromCharCode(code);
    }
    return text;
  }

  /** Groups (wire types 3 and 4) are in no message of the API. */
  skip(wireType: number): void {
    if (wireType === 0) this.uint32();
    else if (wireType === 2) this.#at = this.end();
    else if (wireType === 1) this.#pass(8);
    else if (wireType === 5) this.#pass(4);
    else throw new ProtobufError(`wire type ${wireType}`);
  }

  #pass(size: number): void {
    this.#need(size);
    this.#at += size;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new ProtobufError('unexpected EOF');
    return byte;
  }

  #need(size: number): void {
    if (this.#at + size > this.#bytes.length) throw new ProtobufError('unexpected EOF');
  }
}

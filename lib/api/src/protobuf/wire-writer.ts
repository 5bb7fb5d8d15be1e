/** Appends protobuf (varints, lengths, fixed numbers) to one growing array. The length of a message is put in when the message ends. */
const utf8 = new TextEncoder();

/** Longer texts are left to the engine. */
const shortTextMax = 64;

export class WireWriter {
  #bytes = new Uint8Array(4 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** A copy of what was written since the last call. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#at);
    this.#at = 0;
    // One huge object must not keep its room for ever.
    if (this.#bytes.length > keptBytesMax) this.#replace(new Uint8Array(keptBytesMax), 0);
    return taken;
  }

  /** Forgets what was written since the last `take`. */
  clear(): void {
    this.#at = 0;
  }

  /** Below 2^32. */
  varint(value: number): void {
    if (this.#at + 5 > this.#bytes.length) this.#grow(5);
    let rest = value >>> 0;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#at++] = rest;
  }

  /** A whole number of up to 64 bits; negative ones take ten bytes. */
  int64(value: number): void {
    if (value >= 0 && value <= 0x7fffffff) {
      this.varint(value);
      return;
    }
    this.#grow(10);
    let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#at++] = Number(rest);
  }

  double(value: number): void {
    this.#grow(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  /** With its length before it. */
  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.#grow(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** With its length before it. */
  text(value: string): void {
    if (value.length <= shortTextMax && this.#writeAscii(value)) return;
    const start = this.begin();
    this.#grow(value.length * 3);
    this.#at += utf8.encodeInto(value, this.#bytes.subarray(this.#at)).written;
    this.end(start);
  }

  #writeAscii(value: string): boolean {
    const { length } = value;
    if (this.#at + length + 1 > this.#bytes.length) this.#grow(length + 1);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = length;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  /** Begins a message; `end` gets what this returns. */
  begin(): number {
    if (this.#at + 1 > this.#bytes.length) this.#grow(1);
    return this.#at++;
  }

  end(start: number): void {
    const size = this.#at - start - 1;
    if (size <= 0x7f) {
      this.#bytes[start] = size;
      return;
    }
    const sizeBytes = varintSize(size);
    this.#grow(sizeBytes);
    this.#bytes.copyWithin(start + sizeBytes, start + 1, this.#at);
    this.#at = start;
    this.varint(size);
    this.#at += size;
  }

  #grow(room: number): void {
    const needed = this.#at + room;
    if (needed > this.#bytes.length) this.#replace(new Uint8Array(Math.max(this.#bytes.length * 2, needed)), this.#at);
  }

  #replace(bytes: Uint8Array<ArrayBuffer>, kept: number): void {
    bytes.set(this.#bytes.subarray(0, kept));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

const keptBytesMax = 1024 * 1024;

/** How many bytes a length takes. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) size++;
  return size;
}

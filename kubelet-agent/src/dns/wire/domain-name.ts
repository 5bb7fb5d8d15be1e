import { headerBytes } from './record-types.ts';

/**
 * Names on the wire (RFC 1035, 3.1 and 4.1.4). As text they are in lower case, without a dot at the end; the root is
 * `''`. A dot inside a label is written `\.`, so that it is never taken for a border between two.
 */

const nameBytesMax = 255;
const labelBytesMax = 63;
/** Each pointer has to lead further back, so this is only a second guard. */
const pointersMax = 64;

export interface NameAt {
  readonly name: string;
  /** The first byte after it. */
  readonly end: number;
}

/** Throws `RangeError` when it is cut off, too long, or its pointers lead nowhere. */
export function readName(message: Buffer, start: number): NameAt {
  let name = '';
  let at = start;
  let end = -1;
  let bytes = 0;
  for (let pointers = 0; ; ) {
    const length = message.readUInt8(at);
    if (length >= 0xc0) {
      const target = message.readUInt16BE(at) & 0x3fff;
      if (end < 0) end = at + 2;
      if (target >= at || target < headerBytes || ++pointers > pointersMax)
        throw new RangeError('pointer leads astray');
      at = target;
      continue;
    }
    if (length > labelBytesMax) throw new RangeError('label of an unknown kind');
    if (length === 0) return { name, end: end < 0 ? at + 1 : end };
    bytes += length + 1;
    if (bytes >= nameBytesMax || at + 1 + length > message.length) throw new RangeError('name is too long');
    const label = readLabel(message, at + 1, length);
    name = name === '' ? label : `${name}.${label}`;
    at += 1 + length;
  }
}

/** The name of a question: no pointers there. Throws `RangeError`. */
export function readQuestionName(message: Buffer, start: number): NameAt {
  const read = readName(message, start);
  for (let at = start; at < read.end - 1; at += 1 + message.readUInt8(at)) {
    if (message.readUInt8(at) >= 0xc0) throw new RangeError('pointer in a question');
  }
  return read;
}

/** The first byte after the name. Throws `RangeError`. */
export function skipName(message: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = message.readUInt8(at);
    if (length >= 0xc0) return at + 2;
    if (length > labelBytesMax) throw new RangeError('label of an unknown kind');
    at += 1 + length;
    if (length === 0) return at;
  }
}

function readLabel(message: Buffer, from: number, length: number): string {
  const label = message.toString('latin1', from, from + length).toLowerCase();
  return label.includes('.') || label.includes('\\') ? label.replace(/[.\\]/g, '\\$&') : label;
}

/** Undefined for a name that cannot be on the wire: an empty or long label, too long as a whole. */
export function encodeName(name: string): Buffer | undefined {
  if (name === '') return Buffer.from([0]);
  const labels = name.split('.');
  const isPossible =
    name.length + 2 <= nameBytesMax && labels.every((label) => label !== '' && label.length <= labelBytesMax);
  if (!isPossible) return undefined;
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')]),
    Buffer.from([0]),
  ]);
}

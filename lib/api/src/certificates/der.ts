/**
 * Reading of DER (X.690): an element is a tag, a length and content; constructed ones hold further elements. Only what certificates need:
 * tags of one byte, definite lengths. Every function throws DerError for bytes that are not so.
 */

export class DerError extends Error {
  override readonly name = 'DerError';
}

export interface DerElement {
  /** Class and number as on the wire: 0x30 = SEQUENCE, 0xa0 = [0] constructed. */
  readonly tag: number;
  /** With tag and length. */
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
}

export const derTags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Four bytes of length are more than any request may have. */
const lengthBytesMax = 4;

/** The one element that the bytes are. */
export function readDer(bytes: Uint8Array): DerElement {
  const element = elementAt(bytes, 0);
  if (element.whole.length !== bytes.length) throw new DerError('trailing data');
  return element;
}

/** The elements inside of a constructed one. */
export function derChildren({ content }: DerElement): DerElement[] {
  const children: DerElement[] = [];
  for (let at = 0; at < content.length; ) {
    const child = elementAt(content, at);
    children.push(child);
    at += child.whole.length;
  }
  return children;
}

export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag === tag) return element;
  throw new DerError(`expected tag ${tag.toString(16)}, found ${element ? element.tag.toString(16) : 'nothing'}`);
}

/** Dotted: `2.5.4.3`. */
export function derOid(element: DerElement | undefined): string {
  const { content } = expectTag(element, derTags.oid);
  const first = content[0] ?? 0;
  const parts = [Math.min(Math.floor(first / 40), 2), first < 80 ? first % 40 : first - 80];
  let value = 0;
  for (const byte of content.subarray(1)) {
    value = value * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    parts.push(value);
    value = 0;
  }
  return parts.join('.');
}

/** The bytes of a BIT STRING that is whole bytes. */
export function derBits(element: DerElement | undefined): Uint8Array {
  const { content } = expectTag(element, derTags.bitString);
  if (content[0] !== 0) throw new DerError('bit string of broken bytes');
  return content.subarray(1);
}

function elementAt(bytes: Uint8Array, at: number): DerElement {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError('data ends too early');
  let begin = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > lengthBytesMax) throw new DerError('length of an unknown form');
    length = 0;
    for (const byte of bytes.subarray(begin, begin + count)) length = length * 256 + byte;
    begin += count;
  }
  const end = begin + length;
  if (end > bytes.length) throw new DerError('data ends too early');
  return { tag, whole: bytes.subarray(at, end), content: bytes.subarray(begin, end) };
}

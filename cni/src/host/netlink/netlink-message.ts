/**
 * Netlink's wire format (RFC 3549, linux/netlink.h). Pure. Numbers are in the machine's byte order, little endian on all that
 * Node runs on; everything is padded to four bytes.
 *
 *     message     length(4) type(2) flags(2) sequence(4) port(4), then a fixed header of the type, then attributes
 *     attribute   length(2) type(2), then a value or more attributes
 */

export const messageFlags = {
  request: 0x1,
  ack: 0x4,
  replace: 0x100,
  exclusive: 0x200,
  dump: 0x300,
  create: 0x400,
} as const;
export const errorMessageType = 2;
export const doneMessageType = 3;
const nestedFlag = 0x8000;
const headerBytes = 16;
const attributeHeaderBytes = 4;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  /** The fixed header of the type, then encoded attributes. */
  readonly body: readonly Uint8Array[];
}

export function encodeMessage({ type, flags, body }: NetlinkMessage, sequence: number): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(headerBytes), ...body]);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  return bytes;
}

export function attribute(type: number, value: Uint8Array): Buffer {
  const length = attributeHeaderBytes + value.length;
  const bytes = Buffer.alloc(Math.ceil(length / 4) * 4);
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, attributeHeaderBytes);
  return bytes;
}

export const nested = (type: number, ...attributes: readonly Uint8Array[]): Buffer =>
  attribute(type | nestedFlag, Buffer.concat(attributes));
export const textAttribute = (type: number, text: string): Buffer => attribute(type, Buffer.from(`${text}\0`));
export const u8Attribute = (type: number, value: number): Buffer => attribute(type, Buffer.from([value]));

export function u16Attribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return attribute(type, bytes);
}

export function u32Attribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return attribute(type, bytes);
}

export type NetlinkReply =
  | { readonly kind: 'message'; readonly type: number; readonly body: Buffer }
  /** `errno` 0 = done. `message` is the kernel's own explanation, often empty. */
  | { readonly kind: 'outcome'; readonly errno: number; readonly message: string };

/** All messages of one datagram, with the sequence number of the request that each answers. */
export function splitMessages(bytes: Buffer): readonly { readonly sequence: number; readonly bytes: Buffer }[] {
  const found: { sequence: number; bytes: Buffer }[] = [];
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const length = Math.max(bytes.readUInt32LE(at), headerBytes);
    found.push({ sequence: bytes.readUInt32LE(at + 8), bytes: bytes.subarray(at, at + length) });
    at += Math.ceil(length / 4) * 4;
  }
  return found;
}

const extendedAckFlag = 0x200;
const messageTextAttribute = 1;

/** The first message of what was received. The reader has asked for short acknowledgements (NETLINK_CAP_ACK). */
export function decodeReply(bytes: Buffer): NetlinkReply {
  const length = bytes.readUInt32LE(0);
  const type = bytes.readUInt16LE(4);
  if (type !== errorMessageType) return { kind: 'message', type, body: bytes.subarray(headerBytes, length) };
  const hasText = (bytes.readUInt16LE(6) & extendedAckFlag) !== 0;
  const texts = hasText ? decodeAttributes(bytes.subarray(headerBytes + 4 + headerBytes, length)) : new Map();
  const message = String(texts.get(messageTextAttribute) ?? '').replace(/\0$/, '');
  return { kind: 'outcome', errno: Math.abs(bytes.readInt32LE(headerBytes)), message };
}

/** By type. Of several of one type the last one. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  return new Map(eachAttribute(bytes));
}

/** In order, and several of one type, as lists have them. */
export function decodeAttributeList(bytes: Buffer): readonly (readonly [type: number, value: Buffer])[] {
  return [...eachAttribute(bytes)];
}

function* eachAttribute(bytes: Buffer): Generator<readonly [number, Buffer]> {
  for (let at = 0; at + attributeHeaderBytes <= bytes.length; ) {
    const length = Math.max(bytes.readUInt16LE(at), attributeHeaderBytes);
    yield [bytes.readUInt16LE(at + 2) & ~nestedFlag, bytes.subarray(at + attributeHeaderBytes, at + length)];
    at += Math.ceil(length / 4) * 4;
  }
}

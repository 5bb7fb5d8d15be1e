import type { Random } from '@slipway/kit/random';
import { encodeName } from '../wire/domain-name.ts';
import type { Query } from '../wire/query.ts';
import { flags, headerBytes, internetClass } from '../wire/record-types.ts';
import { ednsRecord } from '../wire/response.ts';

/** What is asked of another server. We ask in our own words, so that one answer serves all who ask the same. */
export interface ForeignQuestion {
  /** In lower case, see `domain-name.ts`. */
  readonly name: string;
  /** The same on the wire. */
  readonly nameBytes: Buffer;
  readonly typeCode: number;
  readonly isDnssecOk: boolean;
  readonly isCheckingDisabled: boolean;
}

export function foreignQuestion({ name, question, typeCode, isDnssecOk, isCheckingDisabled }: Query): ForeignQuestion {
  const nameBytes = Buffer.from(question.subarray(0, -4));
  for (let i = 0; i < nameBytes.length; i++) if (isUpperCase(nameBytes[i])) nameBytes[i] = (nameBytes[i] ?? 0) | 0x20;
  return { name, nameBytes, typeCode, isDnssecOk, isCheckingDisabled };
}

/** Undefined when the name cannot be on the wire. */
export function questionFor(name: string, typeCode: number): ForeignQuestion | undefined {
  const nameBytes = encodeName(name);
  return nameBytes && { name, nameBytes, typeCode, isDnssecOk: false, isCheckingDisabled: false };
}

/** The same answer serves questions of the same key. */
export function questionKey({ name, typeCode, isDnssecOk, isCheckingDisabled }: ForeignQuestion): string {
  return `${name} ${typeCode}${isDnssecOk ? ' do' : ''}${isCheckingDisabled ? ' cd' : ''}`;
}

/**
 * A message with an id and a spelling drawn by lot: a forged answer has to guess the id, the port of the socket, and
 * which letters are large ("0x20").
 */
export function encodeQuestion(question: ForeignQuestion, random: Random, withEdns: boolean): Buffer {
  const { nameBytes, typeCode, isCheckingDisabled, isDnssecOk } = question;
  const message = Buffer.concat([
    random.bytes(2),
    Buffer.alloc(headerBytes - 2),
    spelledByLot(nameBytes, random),
    Buffer.alloc(4),
    ...(withEdns ? [ednsRecord(0, isDnssecOk)] : []),
  ]);
  message.writeUInt16BE(flags.recursionDesired | (isCheckingDisabled ? flags.checkingDisabled : 0), 2);
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(withEdns ? 1 : 0, 10);
  message.writeUInt16BE(typeCode, headerBytes + nameBytes.length);
  message.writeUInt16BE(internetClass, headerBytes + nameBytes.length + 2);
  return message;
}

function spelledByLot(nameBytes: Buffer, random: Random): Buffer {
  const lots = random.bytes(Math.ceil(nameBytes.length / 8));
  const spelled = Buffer.from(nameBytes);
  for (let i = 0; i < spelled.length; i++) {
    const byte = spelled[i] ?? 0;
    const isLetter = byte >= 0x61 && byte <= 0x7a; // lengths are below
    if (isLetter && ((lots[i >> 3] ?? 0) >> (i & 7)) & 1) spelled[i] = byte & ~0x20;
  }
  return spelled;
}

function isUpperCase(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x41 && byte <= 0x5a;
}

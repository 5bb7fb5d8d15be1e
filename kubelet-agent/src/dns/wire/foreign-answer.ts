import { formatAddress } from '@slipway/cni';
import { readName, skipName } from './domain-name.ts';
import type { Query } from './query.ts';
import { flags, headerBytes, internetClass, rcodes, recordTypes } from './record-types.ts';
import { type DnsRecord, ednsRecord, responseBits } from './response.ts';

/**
 * Answers of other servers are kept and handed on as bytes: whatever records they hold, we need not understand them. Only
 * what belongs to one conversation is changed: id, spelling of the question, flags, ages, the OPT record, the length.
 */
export interface ForeignAnswer {
  /** Without the OPT record. */
  readonly message: Buffer;
  readonly rcode: number;
  readonly isTruncated: boolean;
  readonly questionEnd: number;
  /** Where each record ends. */
  readonly recordEnds: readonly number[];
  readonly counts: readonly [answers: number, authorities: number, additionals: number];
  /** Where the time to live of each record stands. */
  readonly ttlOffsets: readonly number[];
  /** The least of all TTLs, seconds; undefined without records. */
  readonly ttl: number | undefined;
  /** TTL of the SOA in the authority section and its minimum, the smaller: how long "no" holds (RFC 2308). */
  readonly negativeTtl: number | undefined;
}

/** Undefined when the message is cut off or malformed. */
export function readForeignAnswer(message: Buffer): ForeignAnswer | undefined {
  try {
    return read(message);
  } catch (error) {
    if ((error as { name?: string }).name === 'RangeError') return undefined; // it ended before it should
    throw error;
  }
}

/** RFC 2181: a time to live with the first bit set means nothing. */
const ttlMax = 0x7fffffff;

function read(message: Buffer): ForeignAnswer {
  const [answers = 0, authorities = 0, additionals = 0] = [6, 8, 10].map((at) => message.readUInt16BE(at));
  let at = skipName(message, headerBytes) + 4;
  const questionEnd = at;
  const ttlOffsets: number[] = [];
  const recordEnds: number[] = [];
  let negativeTtl: number | undefined;
  let ttl: number | undefined;
  for (let i = 0; i < answers + authorities + additionals; i++) {
    const fixed = skipName(message, at);
    const type = message.readUInt16BE(fixed);
    const end = fixed + 10 + message.readUInt16BE(fixed + 8);
    if (end > message.length) throw new RangeError('record is cut off');
    // What stands behind an OPT record goes with it: it may hold pointers into what moves. It is additional anyway.
    if (type === recordTypes.OPT) break;
    const seconds = secondsAt(message, fixed + 4);
    ttlOffsets.push(fixed + 4);
    recordEnds.push(end);
    ttl = Math.min(ttl ?? seconds, seconds);
    if (type === recordTypes.SOA && i >= answers && i < answers + authorities) {
      negativeTtl = Math.min(seconds, secondsAt(message, end - 4));
    }
    at = end;
  }
  if (recordEnds.length < answers + authorities || message.readUInt16BE(4) !== 1) throw new RangeError('misplaced OPT');
  const bits = message.readUInt16BE(2);
  const counts = [answers, authorities, recordEnds.length - answers - authorities] as const;
  return {
    message: Buffer.from(message.subarray(0, at)),
    rcode: bits & 0xf,
    isTruncated: (bits & flags.truncated) !== 0,
    questionEnd,
    recordEnds,
    counts,
    ttlOffsets,
    ttl,
    negativeTtl,
  };
}

function secondsAt(message: Buffer, at: number): number {
  const seconds = message.readUInt32BE(at);
  return seconds > ttlMax ? 0 : seconds;
}

/** Authentic data: what the far server says it has verified. */
const authenticData = 0x0020;

/**
 * The answer to this query, `ageSeconds` after it came. When it is longer than `bytesMax` it has as many whole records
 * as fit, and says so.
 */
export function answerFrom(foreign: ForeignAnswer, query: Query, ageSeconds: number, bytesMax: number): Buffer {
  const { message, counts, recordEnds, questionEnd } = foreign;
  const options = query.hasEdns ? ednsRecord(0, query.isDnssecOk) : undefined;
  const limit = bytesMax - (options?.length ?? 0);
  let kept = recordEnds.length;
  while (kept > 0 && (recordEnds[kept - 1] ?? 0) > limit) kept--;
  const isCut = kept < counts[0] + counts[1];
  const end = kept === 0 ? questionEnd : (recordEnds[kept - 1] ?? questionEnd);
  const answer = Buffer.allocUnsafe(end + (options?.length ?? 0));
  message.copy(answer, 0, 0, end);
  query.question.copy(answer, headerBytes);
  options?.copy(answer, end);
  const given = message.readUInt16BE(2) & authenticData;
  const bits = responseBits(query, 'NOERROR') | given | foreign.rcode | (isCut ? flags.truncated : 0);
  answer.writeUInt16BE(query.id, 0);
  answer.writeUInt16BE(bits, 2);
  const answers = Math.min(kept, counts[0]);
  const authorities = Math.min(kept - answers, counts[1]);
  const additionals = kept - answers - authorities + (options ? 1 : 0);
  [answers, authorities, additionals].forEach((count, i) => {
    answer.writeUInt16BE(count, 6 + 2 * i);
  });
  for (const at of foreign.ttlOffsets.slice(0, kept)) {
    answer.writeUInt32BE(Math.max(0, secondsAt(message, at) - ageSeconds), at);
  }
  return answer;
}

/** Addresses and aliases among the answers, to be part of another message. None when they are malformed. */
export function addressRecordsOf(foreign: ForeignAnswer): DnsRecord[] {
  if (foreign.rcode !== rcodes.NOERROR) return [];
  try {
    return readAddressRecords(foreign);
  } catch (error) {
    if ((error as { name?: string }).name === 'RangeError') return [];
    throw error;
  }
}

function readAddressRecords({ message, counts, questionEnd }: ForeignAnswer): DnsRecord[] {
  const records: DnsRecord[] = [];
  let at = questionEnd;
  for (let i = 0; i < counts[0]; i++) {
    const { name, end: fixed } = readName(message, at);
    const type = message.readUInt16BE(fixed);
    const ttl = secondsAt(message, fixed + 4);
    const start = fixed + 10;
    const end = start + message.readUInt16BE(fixed + 8);
    const data = message.readUInt16BE(fixed + 2) === internetClass ? dataOf(message, type, start, end) : undefined;
    if (data) records.push({ ...data, name, ttl });
    at = end;
  }
  return records;
}

function dataOf(message: Buffer, type: number, start: number, end: number) {
  switch (type) {
    case recordTypes.A:
      return end - start === 4 ? ({ type: 'A', data: message.subarray(start, end).join('.') } as const) : undefined;
    case recordTypes.AAAA: {
      if (end - start !== 16) return undefined;
      const value = (message.readBigUInt64BE(start) << 64n) | message.readBigUInt64BE(start + 8);
      return { type: 'AAAA', data: formatAddress({ family: 6, value }) } as const;
    }
    case recordTypes.CNAME:
      return { type: 'CNAME', data: readName(message, start).name } as const;
    default:
      return undefined;
  }
}

import { isIPv4 } from 'node:net';
import { parseAddress } from '@slipway/cni';
import type { ParsedQuery, Query } from './query.ts';
import {
  dnssecOk,
  flags,
  headerBytes,
  internetClass,
  type Rcode,
  rcodes,
  recordTypes,
  tcpBytesMax,
  udpBytesMax,
} from './record-types.ts';

/** Records that we write ourselves. Names are in lower case, without a dot at the end. `ttl` in seconds. */
export type DnsRecord =
  | {
      readonly type: 'A' | 'AAAA' | 'CNAME' | 'PTR' | 'NS' | 'TXT';
      readonly name: string;
      readonly data: string;
      readonly ttl?: number;
    }
  | { readonly type: 'SRV'; readonly name: string; readonly data: SrvTarget; readonly ttl?: number }
  | { readonly type: 'SOA'; readonly name: string; readonly data: ZoneStart; readonly ttl?: number };

export interface SrvTarget {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** What a SOA record says; times in seconds. */
export interface ZoneStart {
  readonly server: string;
  readonly mailbox: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

export interface Response {
  readonly rcode: Rcode;
  readonly isAuthoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** Seconds; what upstream's server uses for cluster names. Short, because endpoints come and go. */
export const recordTtl = 5;

const ednsBytes = 11;
/** Pointers have 14 bits. */
const pointerMax = 0x3fff;

/** Answers are written here, one at a time, and copied out: no answer is longer. */
const scratch = Buffer.alloc(tcpBytesMax + 1);

/**
 * The answer to a query. When it is longer than `bytesMax`, additional records are left out first; then as many whole
 * records are sent as fit, with the flag that says that there are more (over TCP).
 */
export function encodeResponse(query: Query, response: Response, bytesMax: number): Buffer {
  const limit = bytesMax - (query.hasEdns ? ednsBytes : 0);
  const writer = new MessageWriter(query, limit);
  const answers = writer.records(response.answers);
  const authorities = writer.records(response.authorities);
  const isTruncated = answers < response.answers.length || authorities < response.authorities.length;
  const additionals = isTruncated ? 0 : writer.allOrNone(response.additionals);
  const bits =
    responseBits(query, response.rcode) |
    (response.isAuthoritative ? flags.authoritative : 0) |
    (isTruncated ? flags.truncated : 0);
  return writer.finish(
    bits,
    [answers, authorities, additionals],
    query.hasEdns ? rcodes[response.rcode] >> 4 : undefined,
  );
}

type Refused = Extract<ParsedQuery, { kind: 'refused' }>;

/** For a message that was refused as a whole; without a question where it could not be read. */
export function encodeRefusal({ id, rcode, opcode = 0, query }: Refused): Buffer {
  if (query) return encodeResponse(query, { rcode, isAuthoritative: false, ...noRecords }, udpBytesMax);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(flags.isResponse | (opcode << 11) | (rcodes[rcode] & 0xf), 2);
  return header;
}

export const noRecords = { answers: [], authorities: [], additionals: [] } as const;

/** Flags of every answer to this query. */
export function responseBits(query: Query, rcode: Rcode): number {
  return (
    flags.isResponse |
    flags.recursionAvailable |
    (query.isRecursionDesired ? flags.recursionDesired : 0) |
    (query.isCheckingDisabled ? flags.checkingDisabled : 0) |
    (rcodes[rcode] & 0xf)
  );
}

/** The OPT record of an answer (RFC 6891). */
export function ednsRecord(extendedRcode: number, isDnssecOk: boolean): Buffer {
  const record = Buffer.alloc(ednsBytes);
  record.writeUInt16BE(recordTypes.OPT, 1);
  record.writeUInt16BE(udpBytesMax, 3);
  record.writeUInt8(extendedRcode, 5);
  record.writeUInt16BE(isDnssecOk ? dnssecOk : 0, 7);
  return record;
}

class MessageWriter {
  readonly #query: Query;
  readonly #limit: number;
  /** Name → where it stands. */
  readonly #known = new Map<string, number>();
  #at: number;

  constructor(query: Query, limit: number) {
    this.#query = query;
    this.#limit = limit;
    query.question.copy(scratch, headerBytes);
    this.#at = headerBytes + query.question.length;
    if (!query.name.includes('\\')) this.#know(query.name, headerBytes);
  }

  /** How many were written: as many as fit. */
  records(records: readonly DnsRecord[]): number {
    let written = 0;
    for (const record of records) {
      const before = this.#at;
      this.#record(record);
      if (this.#at > this.#limit) {
        this.#at = before;
        return written;
      }
      written++;
    }
    return written;
  }

  allOrNone(records: readonly DnsRecord[]): number {
    const before = this.#at;
    if (this.records(records) === records.length) return records.length;
    this.#at = before;
    return 0;
  }

  finish(bits: number, counts: readonly [number, number, number], extendedRcode: number | undefined): Buffer {
    const [answers, authorities, additionals] = counts;
    const options = extendedRcode === undefined ? 0 : 1;
    [this.#query.id, bits, 1, answers, authorities, additionals + options].forEach((value, i) => {
      scratch.writeUInt16BE(value, i * 2);
    });
    if (extendedRcode !== undefined) {
      this.#at += ednsRecord(extendedRcode, this.#query.isDnssecOk).copy(scratch, this.#at);
    }
    return Buffer.from(scratch.subarray(0, this.#at));
  }

  #record({ type, name, data, ttl = recordTtl }: DnsRecord): void {
    // The longest record is a text or two names; a message that is full is cut back by the caller.
    if (this.#at + 1024 > scratch.length) {
      this.#at = scratch.length;
      return;
    }
    this.#name(name);
    this.#uint16(recordTypes[type]);
    this.#uint16(internetClass);
    this.#uint32(ttl);
    const lengthAt = this.#at;
    this.#at += 2;
    this.#data(type, data);
    scratch.writeUInt16BE(this.#at - lengthAt - 2, lengthAt);
  }

  #data(type: DnsRecord['type'], data: DnsRecord['data']): void {
    if (typeof data === 'string') {
      if (type === 'A' || type === 'AAAA') this.#address(data);
      else if (type === 'TXT') this.#label(data);
      else this.#name(data);
    } else if ('target' in data) {
      for (const value of [data.priority, data.weight, data.port]) this.#uint16(value);
      this.#plainName(data.target); // RFC 2782: not compressed
    } else {
      this.#name(data.server);
      this.#name(data.mailbox);
      for (const value of [data.serial, data.refresh, data.retry, data.expire, data.minimum]) this.#uint32(value);
    }
  }

  #address(text: string): void {
    if (isIPv4(text)) {
      for (const part of text.split('.')) this.#at = scratch.writeUInt8(Number(part), this.#at);
      return;
    }
    const { value } = parseAddress(text);
    this.#at = scratch.writeBigUInt64BE(value >> 64n, this.#at);
    this.#at = scratch.writeBigUInt64BE(value & 0xffffffffffffffffn, this.#at);
  }

  /** The longest end of it that stands somewhere already is a pointer to there. */
  #name(name: string): void {
    let rest = name;
    while (rest !== '') {
      const known = this.#known.get(rest);
      if (known !== undefined) {
        this.#uint16(0xc000 | known);
        return;
      }
      if (this.#at <= pointerMax) this.#known.set(rest, this.#at);
      rest = this.#label(rest);
    }
    this.#at = scratch.writeUInt8(0, this.#at);
  }

  #plainName(name: string): void {
    for (let rest = name; rest !== ''; ) rest = this.#label(rest);
    this.#at = scratch.writeUInt8(0, this.#at);
  }

  /** Writes the first label (length and text, which is also what a text of up to 255 bytes without dots looks like); answers what follows. */
  #label(name: string): string {
    const dot = name.indexOf('.');
    const length = dot < 0 ? name.length : dot;
    this.#at = scratch.writeUInt8(length, this.#at);
    this.#at += scratch.write(name, this.#at, length, 'latin1');
    return dot < 0 ? '' : name.slice(dot + 1);
  }

  #know(name: string, at: number): void {
    let offset = at;
    for (let rest = name; rest !== ''; ) {
      this.#known.set(rest, offset);
      const dot = rest.indexOf('.');
      offset += 1 + (dot < 0 ? rest.length : dot);
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
  }

  #uint16(value: number): void {
    this.#at = scratch.writeUInt16BE(value, this.#at);
  }

  #uint32(value: number): void {
    this.#at = scratch.writeUInt32BE(value, this.#at);
  }
}

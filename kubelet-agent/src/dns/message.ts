import dnsPacket, { type Answer, type Packet } from 'dns-packet';
import { layoutOf } from './wire.ts';

/** DNS messages on the wire, over the codec of `dns-packet`. Pure. */
export interface Query {
  readonly id: number;
  /** The question as it came, byte by byte: the answer repeats it. */
  readonly question: Buffer;
  /** As asked: letters may be of either case. */
  readonly name: string;
  /** `A`, `SRV`, `UNKNOWN_65`. */
  readonly type: string;
  readonly isRecursionDesired: boolean;
  /** What the client takes in one datagram; 512 without EDNS. */
  readonly udpSizeMax: number;
  readonly hasEdns: boolean;
  readonly isDnssecOk: boolean;
  readonly isCheckingDisabled: boolean;
}

export type ParsedQuery =
  | { readonly kind: 'query'; readonly query: Query }
  /** To be answered with this code, when there is an id to answer to. */
  | { readonly kind: 'refused'; readonly id: number; readonly rcode: Rcode }
  | { readonly kind: 'ignored' };

export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
export type Rcode = keyof typeof rcodes;

export interface Response {
  readonly rcode: Rcode;
  readonly isAuthoritative: boolean;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
}

const headerBytes = 12;
/** Without EDNS (RFC 1035). */
const plainUdpBytes = 512;
/** What fits into one packet on any network (DNS flag day 2020); we offer no more, and answer no more. */
export const udpBytesMax = 1232;
const flagQr = 0x8000;
const flagAa = 0x0400;
const flagTc = 0x0200;
const flagRd = 0x0100;
const flagRa = 0x0080;

export function parseQuery(message: Buffer): ParsedQuery {
  if (message.length < headerBytes) return { kind: 'ignored' };
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  if (flags & flagQr) return { kind: 'ignored' }; // an answer: never answer answers
  if ((flags >> 11) & 0xf) return { kind: 'refused', id, rcode: 'NOTIMP' };
  const packet = tryDecode(message);
  const layout = layoutOf(message);
  const [question] = packet?.questions ?? [];
  if (!packet || !layout || !question || packet.questions?.length !== 1)
    return { kind: 'refused', id, rcode: 'FORMERR' };
  if (question.class !== 'IN' || ['AXFR', 'IXFR'].includes(question.type))
    return { kind: 'refused', id, rcode: 'REFUSED' };
  const edns = (packet.additionals ?? []).find((record) => record.type === 'OPT');
  const size = edns?.type === 'OPT' ? edns.udpPayloadSize : plainUdpBytes;
  const query: Query = {
    id,
    question: Buffer.from(message.subarray(headerBytes, layout.questionEnd)),
    name: question.name === '.' ? '' : question.name,
    type: question.type,
    isRecursionDesired: (flags & flagRd) !== 0,
    udpSizeMax: Math.min(Math.max(size, plainUdpBytes), udpBytesMax),
    hasEdns: edns !== undefined,
    isDnssecOk: edns?.type === 'OPT' && (edns.flags & dnsPacket.DNSSEC_OK) !== 0,
    isCheckingDisabled: (flags & 0x10) !== 0,
  };
  return { kind: 'query', query };
}

export function tryDecode(message: Buffer): Packet | undefined {
  try {
    return dnsPacket.decode(message);
  } catch {
    return undefined; // whatever is wrong with it, the sender gets FORMERR
  }
}

/**
 * The answer to a query; records of the asked name point to it instead of repeating it. With a limit, additional records
 * are left out first; when the rest is still too long, everything is, and the client asks again over TCP.
 */
export function encodeResponse(query: Query, response: Response, bytesMax: number): Buffer {
  const options = query.hasEdns ? [ednsRecord()] : [];
  const whole = assemble(query, response, [...response.additionals, ...options], false);
  if (whole.length <= bytesMax) return whole;
  const essential = assemble(query, response, options, false);
  if (essential.length <= bytesMax) return essential;
  return assemble(query, { ...response, answers: [], authorities: [] }, options, true);
}

/** For a message that could not be understood. */
export function encodeRefusal(id: number, rcode: Rcode): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(flagQr | rcodes[rcode], 2);
  return header;
}

/** The same header and question, nothing else, and the flag that says so. For an answer that is too long as it came. */
export function truncated(message: Buffer, questionEnd: number): Buffer {
  const short = Buffer.from(message.subarray(0, questionEnd));
  short.writeUInt16BE(short.readUInt16BE(2) | flagTc, 2);
  for (const at of [6, 8, 10]) short.writeUInt16BE(0, at);
  return short;
}

function assemble(query: Query, response: Response, additionals: readonly Answer[], isTruncated: boolean): Buffer {
  const { answers, authorities, rcode, isAuthoritative } = response;
  const head = Buffer.concat([Buffer.alloc(headerBytes), query.question]);
  head.writeUInt16BE(query.id, 0);
  head.writeUInt16BE(1, 4);
  const flags =
    flagQr |
    flagRa |
    (isAuthoritative ? flagAa : 0) |
    (isTruncated ? flagTc : 0) |
    (query.isRecursionDesired ? flagRd : 0) |
    (query.isCheckingDisabled ? 0x10 : 0) |
    rcodes[rcode];
  head.writeUInt16BE(flags, 2);
  [answers, authorities, additionals].forEach((section, i) => {
    head.writeUInt16BE(section.length, 6 + 2 * i);
  });
  const records = [...answers, ...authorities, ...additionals].map((record) => encodeRecord(record, query.name));
  return Buffer.concat([head, ...records]);
}

/** Parts of the codec that its declarations leave out. */
const codec = dnsPacket as unknown as {
  readonly answer: { encode(record: Answer): Buffer };
  readonly name: { encodingLength(name: string): number };
};

/** The question's name stands right after the header. */
const pointerToQuestion = Buffer.from([0xc0, headerBytes]);

function encodeRecord(record: Answer, questionName: string): Buffer {
  const bytes = codec.answer.encode(record);
  if (record.type === 'OPT' || record.name === '' || record.name.toLowerCase() !== questionName.toLowerCase())
    return bytes;
  return Buffer.concat([pointerToQuestion, bytes.subarray(codec.name.encodingLength(record.name))]);
}

function ednsRecord(): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: udpBytesMax,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

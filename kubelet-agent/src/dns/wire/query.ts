import { readQuestionName, skipName } from './domain-name.ts';
import {
  dnssecOk,
  flags,
  headerBytes,
  internetClass,
  plainUdpBytes,
  type Rcode,
  recordTypes,
  typeName,
  udpBytesMax,
} from './record-types.ts';

/** A question as it came. */
export interface Query {
  readonly id: number;
  /** The question byte by byte: the answer repeats it, with its spelling. */
  readonly question: Buffer;
  /** In lower case, see `domain-name.ts`. */
  readonly name: string;
  readonly typeCode: number;
  /** `A`, `SRV`, `TYPE99`. */
  readonly type: string;
  readonly isRecursionDesired: boolean;
  readonly isCheckingDisabled: boolean;
  /** What the client takes in one datagram; 512 without EDNS. */
  readonly udpSizeMax: number;
  readonly hasEdns: boolean;
  readonly isDnssecOk: boolean;
}

export type ParsedQuery =
  | { readonly kind: 'query'; readonly query: Query }
  /** To be answered with this code; the question is repeated where it could be read. */
  | {
      readonly kind: 'refused';
      readonly id: number;
      readonly rcode: Rcode;
      readonly opcode?: number;
      readonly query?: Query;
    }
  | { readonly kind: 'ignored' };

/** One OPT record and a signature; nobody asks with more. */
const additionalsMax = 2;

/** Pure. What cannot be understood is refused with the code that RFC 1035, 6891 and 8482 ask for. */
export function parseQuery(message: Buffer): ParsedQuery {
  if (message.length < headerBytes) return { kind: 'ignored' };
  const id = message.readUInt16BE(0);
  const bits = message.readUInt16BE(2);
  if (bits & flags.isResponse) return { kind: 'ignored' }; // never answer answers
  const opcode = (bits >> 11) & 0xf;
  if (opcode !== 0) return { kind: 'refused', id, rcode: 'NOTIMP', opcode };
  try {
    return readQuery(message, id, bits);
  } catch (error) {
    if ((error as { name?: string }).name === 'RangeError') return { kind: 'refused', id, rcode: 'FORMERR' };
    throw error;
  }
}

function readQuery(message: Buffer, id: number, bits: number): ParsedQuery {
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  if (questions !== 1 || answers !== 0) return { kind: 'refused', id, rcode: 'FORMERR' };
  const { name, end } = readQuestionName(message, headerBytes);
  const typeCode = message.readUInt16BE(end);
  const isInternet = message.readUInt16BE(end + 2) === internetClass;
  const isTransfer = typeCode === recordTypes.AXFR || typeCode === recordTypes.IXFR;
  const edns = isTransfer || authorities !== 0 ? undefined : readEdns(message, end + 4, additionals ?? 0);
  const query: Query = {
    id,
    question: message.subarray(headerBytes, end + 4),
    name,
    typeCode,
    type: typeName(typeCode),
    isRecursionDesired: (bits & flags.recursionDesired) !== 0,
    isCheckingDisabled: (bits & flags.checkingDisabled) !== 0,
    udpSizeMax: Math.min(Math.max(edns?.sizeBytes ?? plainUdpBytes, plainUdpBytes), udpBytesMax),
    hasEdns: edns !== undefined,
    isDnssecOk: edns?.isDnssecOk ?? false,
  };
  // ANY is refused whole: an answer to it serves nobody but those who want a small question to become a long answer.
  const isRefused = !isInternet || isTransfer || typeCode === recordTypes.ANY;
  const rcode = isRefused ? 'REFUSED' : authorities !== 0 ? 'FORMERR' : edns?.version ? 'BADVERS' : undefined;
  return rcode ? { kind: 'refused', id, rcode, query } : { kind: 'query', query };
}

interface Edns {
  readonly sizeBytes: number;
  readonly version: number;
  readonly isDnssecOk: boolean;
}

function readEdns(message: Buffer, start: number, count: number): Edns | undefined {
  if (count > additionalsMax) throw new RangeError('too many additional records');
  let found: Edns | undefined;
  let at = start;
  for (let i = 0; i < count; i++) {
    const fixed = skipName(message, at);
    const isOpt = message.readUInt16BE(fixed) === recordTypes.OPT;
    if (isOpt && (found || fixed !== at + 1)) throw new RangeError('a second OPT record, or one with a name');
    if (isOpt) {
      const isDnssecOk = (message.readUInt16BE(fixed + 6) & dnssecOk) !== 0;
      found = { sizeBytes: message.readUInt16BE(fixed + 2), version: message.readUInt8(fixed + 5), isDnssecOk };
    }
    at = fixed + 10 + message.readUInt16BE(fixed + 8);
    if (at > message.length) throw new RangeError('record is cut off');
  }
  return found;
}

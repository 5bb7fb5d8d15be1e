/** Reads the layout of a DNS message without understanding its records, to change an answer in place. Pure. */
export interface MessageLayout {
  readonly questionEnd: number;
  /** Where the time to live of each record stands, OPT records left out: there it means something else. */
  readonly ttlOffsets: readonly number[];
  readonly rcode: number;
  readonly isTruncated: boolean;
  readonly answerCount: number;
  /** TTL of the SOA in the authority section and its minimum, the smaller: how long "no" holds (RFC 2308). */
  readonly negativeTtl: number | undefined;
}

const headerBytes = 12;
const optType = 41;
const soaType = 6;

/** Undefined when the message is cut off or malformed. */
export function layoutOf(message: Buffer): MessageLayout | undefined {
  try {
    return readLayout(message);
  } catch (error) {
    if ((error as { name?: string }).name === 'RangeError') return undefined; // it ended before it should
    throw error;
  }
}

function readLayout(message: Buffer): MessageLayout {
  const [questions, answerCount, authorityCount, additionalCount] = [4, 6, 8, 10].map((at) =>
    message.readUInt16BE(at),
  ) as [number, number, number, number];
  let at = headerBytes;
  for (let i = 0; i < questions; i++) at = skipName(message, at) + 4;
  const questionEnd = at;
  if (questionEnd > message.length) throw new RangeError('question is cut off');
  const ttlOffsets: number[] = [];
  let negativeTtl: number | undefined;
  for (let i = 0; i < answerCount + authorityCount + additionalCount; i++) {
    const fixed = skipName(message, at);
    const type = message.readUInt16BE(fixed);
    const end = fixed + 10 + message.readUInt16BE(fixed + 8);
    if (end > message.length) throw new RangeError('record is cut off');
    if (type !== optType) ttlOffsets.push(fixed + 4);
    if (type === soaType && i >= answerCount && i < answerCount + authorityCount) {
      negativeTtl = Math.min(message.readUInt32BE(fixed + 4), message.readUInt32BE(end - 4));
    }
    at = end;
  }
  const flags = message.readUInt16BE(2);
  return { questionEnd, ttlOffsets, answerCount, negativeTtl, rcode: flags & 0xf, isTruncated: (flags & 0x200) !== 0 };
}

function skipName(message: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = message.readUInt8(at);
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
    if (length === 0) return at;
  }
}

/** The answer as if it had been asked with this query's id and spelling, `ageSeconds` after it came. */
export function readdress(answer: Buffer, layout: MessageLayout, query: Buffer, ageSeconds: number): Buffer {
  const copy = Buffer.from(answer);
  query.copy(copy, 0, 0, 2);
  query.copy(copy, headerBytes, headerBytes, layout.questionEnd);
  for (const offset of layout.ttlOffsets) {
    copy.writeUInt32BE(Math.max(0, copy.readUInt32BE(offset) - ageSeconds), offset);
  }
  return copy;
}

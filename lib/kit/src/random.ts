import { randomBytes, randomUUID } from 'node:crypto';
import { flatText } from './flat-text.ts';

/** Chance as an argument. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** RFC 4122 version 4. */
  uuid(): string;
  /** A suffix of lower-case letters and digits without vowels, as Kubernetes appends to generated names. */
  suffix(length: number): string;
  /** Bytes fit for keys and tokens. */
  bytes(count: number): Buffer;
}

/** No vowels, no 0, 1, 3: generated names spell no words and are not misread. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => {
    const uuid = randomUUID(); // a concatenation; see flatText
    return flatText(uuid.slice(0, 18), uuid.slice(18));
  },
  suffix: (length) => suffixFrom(() => Math.random(), length),
  bytes: (count) => randomBytes(count),
};

/** Deterministic chance from a seed (the mulberry32 generator). Not for keys. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const bytes = (count: number) => Buffer.from(Array.from({ length: count }, () => Math.floor(next() * 256)));
  return {
    next,
    bytes,
    suffix: (length) => suffixFrom(next, length),
    uuid: () => {
      const raw = bytes(16);
      raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40;
      raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80;
      return raw.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    },
  };
}

function suffixFrom(next: () => number, length: number): string {
  let suffix = '';
  for (let i = 0; i < length; i++) suffix += suffixAlphabet[Math.floor(next() * suffixAlphabet.length)];
  return suffix;
}

/**
 * etcd's keys are bytes, the store's are UTF-8 text without NUL. Keys that are not are refused; bounds of ranges may be
 * any bytes and become the first text that is not before them.
 */
import { status } from '@grpc/grpc-js';
import type { KeyRange } from '../backend.ts';
import { keyBytesMax } from '../embedded/entry-sizes.ts';
import { RpcError, rpcError } from './rpc-errors.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Behind all keys. */
const end = '\u{10ffff}';

/** The key that is written or read. */
export function keyFrom(bytes: Buffer): string {
  if (bytes.length === 0) throw rpcError('emptyKey');
  const key = textFrom(bytes);
  if (key === undefined || key.includes('\0') || bytes.length > keyBytesMax) {
    const text = `this store takes keys of at most ${keyBytesMax} bytes of UTF-8 without NUL`;
    throw new RpcError(status.INVALID_ARGUMENT, text);
  }
  return key;
}

/** `range_end`: empty = the one key, a single NUL = everything from the key on. */
export function rangeFrom(key: Buffer, rangeEnd: Buffer): KeyRange {
  const from = boundFrom(key);
  if (rangeEnd.length === 0) return { from, to: `${from}\0` };
  const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return { from, to: isOpen ? end : boundFrom(rangeEnd) };
}

/** The first text at or behind the bytes. */
export function boundFrom(bytes: Buffer): string {
  const whole = textFrom(bytes);
  if (whole !== undefined) return whole;
  for (let length = bytes.length - 1; length >= 0; length--) {
    const prefix = textFrom(bytes.subarray(0, length));
    if (prefix === undefined) continue;
    const next = firstCodePointFrom(bytes.subarray(length));
    return next === undefined ? behind(prefix) : prefix + String.fromCodePoint(next);
  }
  return end;
}

/** The first text that neither is nor begins with this one. */
function behind(text: string): string {
  const points = [...text];
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const next = (last.codePointAt(0) ?? 0) + 1;
    if (next <= 0x10ffff) return points.join('') + String.fromCodePoint(next === 0xd800 ? 0xe000 : next);
  }
  return end;
}

/** The smallest code point whose UTF-8 is not before the bytes; the order of both is the same. */
function firstCodePointFrom(bytes: Buffer): number | undefined {
  let [low, high] = [0, 0x110000];
  while (low < high) {
    const middle = (low + high) >> 1;
    // Surrogates have no UTF-8; what follows them has.
    const point = middle >= 0xd800 && middle < 0xe000 ? 0xe000 : middle;
    if (Buffer.compare(Buffer.from(String.fromCodePoint(point)), bytes) < 0) low = middle + 1;
    else high = middle;
  }
  if (low > 0x10ffff) return undefined;
  return low >= 0xd800 && low < 0xe000 ? 0xe000 : low;
}

function textFrom(bytes: Buffer): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

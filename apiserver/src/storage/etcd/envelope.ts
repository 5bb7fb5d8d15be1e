/** How values and causes lie in etcd. */
import type { IKeyValue } from 'etcd3';
import type { Entry } from '../backend.ts';

const newline = 0x0a;
const causesPrefix = '/slipway-causes';

/** Between the cause and the mark of the write, where there is one. No JSON text has it, and no mark. */
const tab = '\t';

/** `cause` is JSON, so it has no newline; the value may have any. */
export function encodeValue(value: Uint8Array, cause: string, mark?: string): Buffer {
  return Buffer.concat([value, Buffer.of(newline), Buffer.from(marked(cause, mark))]);
}

export function marked(cause: string, mark: string | undefined): string {
  return mark === undefined ? cause : `${cause}${tab}${mark}`;
}

export function withoutMark(text: string): string {
  const end = text.lastIndexOf(tab);
  return end < 0 ? text : text.slice(0, end);
}

export function hasMark(stored: Buffer, mark: string): boolean {
  return stored.subarray(-mark.length - 1).toString() === tab + mark;
}

/** A value that something else wrote without a cause is taken as it is. */
export function decodeValue(stored: Buffer): { value: Buffer; cause: string | undefined } {
  const end = stored.lastIndexOf(newline);
  if (end < 0) return { value: stored, cause: undefined };
  return { value: stored.subarray(0, end), cause: withoutMark(stored.toString('utf8', end + 1)) };
}

export function decodeEntry(found: IKeyValue): Entry {
  return {
    key: found.key.toString(),
    ...decodeValue(found.value),
    createRevision: BigInt(found.create_revision),
    modRevision: BigInt(found.mod_revision),
  };
}

/** Where the cause of a deletion of this key is kept. */
export function causeKeyOf(key: string): string {
  return causesPrefix + key;
}

/** The key that a cause of a deletion is about; undefined for every other key. */
export function keyOfCauseKey(causeKey: string): string | undefined {
  return causeKey.startsWith(causesPrefix) ? causeKey.slice(causesPrefix.length) : undefined;
}

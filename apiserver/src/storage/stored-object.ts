/**
 * Objects as bytes and back. The stored value is the object's JSON without a resourceVersion, and begins
 *
 *     {"kind":...,"apiVersion":...,"metadata":{
 *
 * so the resourceVersion is spliced in behind that brace without parsing. The first `"metadata":{` is the right one:
 * inside a JSON string the quotes would be escaped.
 */
import type { Cause } from '@slipway/api/cause';
import type { KubeObject } from '@slipway/api/types';
import { type Entry, type Revision, StorageError } from './backend.ts';
import type { StoredObject } from './object-store.ts';
import { freezeShared } from './shared-parts.ts';

const metadataOpen = Buffer.from('"metadata":{');
const versionOpen = Buffer.from('"resourceVersion":"');
const closingBrace = 0x7d;

/** The value to store. `resourceVersion` is left out: it is known only after the write. */
export function encodeObject(object: KubeObject): Buffer {
  return Buffer.from(JSON.stringify(ordered(object, undefined)));
}

/** Stored values come with everything but their parsed form, which is made on first use. */
export type StoredValue = Omit<Entry, 'value'> & { readonly value: Uint8Array };

/**
 * `written` is the object that `value` was made from, if this process wrote it: then nobody parses it again. It is
 * frozen, so whoever wrote it gave it away.
 */
export function storedFrom(entry: StoredValue, written?: KubeObject): StoredObject {
  const version = String(entry.modRevision);
  const { bytes, tailAt } = splice(entry.key, entry.value, version);
  const object = written && freezeShared(ordered(written, version));
  return new SplicedObject({ ...entry, bytes, tailAt, cause: entry.cause, object });
}

/** The last state of a deleted object: as it was, but with the revision and the cause of the deletion. */
export function deletedFrom(last: StoredObject, revision: Revision, cause: string | undefined): StoredObject {
  const { key, createRevision } = last;
  return storedFrom({ key, createRevision, modRevision: revision, value: storedValueOf(last), cause });
}

/** True when writing `value` would leave the object as it is. */
export function isUnchanged(stored: StoredObject, value: Uint8Array): boolean {
  return storedValueOf(stored).equals(value);
}

/** The bytes without the resourceVersion, as they are in the store. */
function storedValueOf(stored: StoredObject): Buffer {
  const tailAt = stored instanceof SplicedObject ? stored.tailAt : tailFrom(stored.bytes);
  return Buffer.concat([stored.bytes.subarray(0, headEnd(stored.bytes)), stored.bytes.subarray(tailAt)]);
}

interface Spliced {
  readonly key: string;
  readonly modRevision: Revision;
  readonly createRevision: Revision;
  readonly bytes: Buffer;
  readonly tailAt: number;
  readonly cause: string | undefined;
  readonly object: KubeObject | undefined;
}

class SplicedObject implements StoredObject {
  readonly key: string;
  readonly modRevision: Revision;
  readonly createRevision: Revision;
  readonly bytes: Buffer;
  /** Where the stored value goes on behind the spliced resourceVersion. */
  readonly tailAt: number;
  readonly #causeJson: string | undefined;
  #object: KubeObject | undefined;

  constructor(spliced: Spliced) {
    this.key = spliced.key;
    this.modRevision = spliced.modRevision;
    this.createRevision = spliced.createRevision;
    this.bytes = spliced.bytes;
    this.tailAt = spliced.tailAt;
    this.#causeJson = spliced.cause;
    this.#object = spliced.object;
  }

  get object(): KubeObject {
    this.#object ??= freezeShared(parseObject(this.key, this.bytes));
    return this.#object;
  }

  get parsed(): KubeObject | undefined {
    return this.#object;
  }

  get cause(): Cause | undefined {
    return parseCause(this.#causeJson);
  }
}

function splice(key: string, value: Uint8Array, version: string): { bytes: Buffer; tailAt: number } {
  const stored = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const headBytes = headEnd(stored);
  if (headBytes < metadataOpen.length) {
    throw new StorageError('corrupt', `the value stored at ${key} is not an object in this server's encoding`);
  }
  const isEmpty = stored[headBytes] === closingBrace;
  const inserted = `"resourceVersion":"${version}"${isEmpty ? '' : ','}`;
  const tailAt = headBytes + inserted.length;
  // Memory of its own: an object that stays long must not keep alive what shared a pool with it.
  const bytes = Buffer.allocUnsafeSlow(stored.length + inserted.length);
  stored.copy(bytes, 0, 0, headBytes);
  bytes.write(inserted, headBytes, 'latin1');
  stored.copy(bytes, tailAt, headBytes);
  return { bytes, tailAt };
}

function headEnd(bytes: Buffer): number {
  return bytes.indexOf(metadataOpen) + metadataOpen.length;
}

/** For objects of another making (tests, fakes) that carry their version where ours do. */
function tailFrom(bytes: Buffer): number {
  const head = headEnd(bytes);
  if (!bytes.subarray(head, head + versionOpen.length).equals(versionOpen)) return head;
  const quote = bytes.indexOf('"', head + versionOpen.length);
  return bytes[quote + 1] === closingBrace ? quote + 1 : quote + 2;
}

function ordered(object: KubeObject, resourceVersion: string | undefined): KubeObject {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _, ...described } = metadata;
  const versioned = resourceVersion === undefined ? described : { resourceVersion, ...described };
  return { kind, apiVersion, metadata: versioned, ...rest };
}

function parseObject(key: string, bytes: Buffer): KubeObject {
  try {
    return JSON.parse(bytes.toString()) as KubeObject;
  } catch (cause) {
    throw new StorageError('corrupt', `the value stored at ${key} is not JSON`, { cause });
  }
}

function parseCause(json: string | undefined): Cause | undefined {
  if (json === undefined || json === '') return undefined;
  try {
    return JSON.parse(json) as Cause;
  } catch {
    return undefined; // written by something else; the object itself is fine
  }
}

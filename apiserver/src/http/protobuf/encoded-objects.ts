/**
 * The protobuf forms of stored objects, made once and kept while there is room, so that lists and watches of clients written in Go are joins
 * of buffers, as they are in JSON. Beyond the room one form or another gives way, whichever: a list that is larger than the room then
 * still finds most of itself here, which it would not if the oldest went.
 */
import { encodeMessage } from '@slipway/api/protobuf/envelope';
import type { KubeObject } from '@slipway/api/types';
import type { StoredObject } from '../../storage/object-store.ts';

export type Encodable = Pick<StoredObject, 'bytes' | 'object'> & Partial<Pick<StoredObject, 'parsed'>>;

interface Kept {
  readonly object: WeakRef<Encodable>;
  readonly bytes: number;
}

const keptBytesMax = 64 * 1024 * 1024;

export class EncodedObjects {
  readonly #forms = new WeakMap<Encodable, Uint8Array>();
  readonly #kept: Kept[] = [];
  readonly #bytesMax: number;
  #bytes = 0;
  #victims = 0;

  constructor(bytesMax = keptBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** The fields of the object, without envelope. */
  of(stored: Encodable, message: string): Uint8Array {
    const known = this.#forms.get(stored);
    if (known) return known;
    const form = encodeMessage(message, parsedOnce(stored));
    this.#keep(stored, form);
    return form;
  }

  #keep(stored: Encodable, form: Uint8Array): void {
    const kept = { object: new WeakRef(stored), bytes: form.length };
    this.#forms.set(stored, form);
    this.#bytes += form.length;
    while (this.#bytes > this.#bytesMax && this.#kept.length > 0) this.#dropOne();
    this.#kept.push(kept);
  }

  #dropOne(): void {
    const index = Math.imul(++this.#victims, 0x9e3779b1) >>> 0;
    const at = index % this.#kept.length;
    const victim = this.#kept[at];
    const last = this.#kept.pop();
    if (!victim || !last) return;
    if (at < this.#kept.length) this.#kept[at] = last;
    this.#bytes -= victim.bytes;
    const object = victim.object.deref();
    if (object) this.#forms.delete(object);
  }
}

/** Parsing for the sake of this form alone must not leave the parsed object in memory. */
function parsedOnce(stored: Encodable): KubeObject {
  return stored.parsed ?? (JSON.parse(stored.bytes.toString()) as KubeObject);
}

/** One for the process: what is kept is bounded as a whole. */
export const encodedObjects = new EncodedObjects();

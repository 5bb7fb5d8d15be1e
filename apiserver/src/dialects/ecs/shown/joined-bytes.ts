/**
 * Lists of what is kept as bytes already (`taskBytes`). Whoever waits for tasks asks for the same ones again and again, and mostly nothing has changed:
 * it is seen at a glance that the parts are the same ones, and joining a few hundred kilobytes is spared.
 */

/** Lists that are kept: one for each of so many that wait. */
const listsMax = 32;
/** Longer ones are joined anew each time. */
const listBytesMax = 512 * 1024;

interface Joined {
  readonly items: readonly Buffer[];
  readonly bytes: Buffer;
}

const comma = Buffer.from(',');
const emptyList = Buffer.from('[]');

export class JoinedBytes {
  /** By the first item; the list that was not asked for longest stands first. */
  readonly #lists = new Map<Buffer, Joined>();

  /** A JSON list. The items must never change, nor must the answer. */
  list(items: readonly Buffer[]): Buffer {
    const [first] = items;
    if (!first) return emptyList;
    const known = this.#lists.get(first);
    this.#lists.delete(first);
    const joined = known && isSame(known.items, items) ? known : { items, bytes: listOf(items) };
    if (joined.bytes.length > listBytesMax) return joined.bytes;
    this.#lists.set(first, joined);
    if (this.#lists.size > listsMax) this.#lists.delete(this.#lists.keys().next().value ?? first);
    return joined.bytes;
  }
}

function isSame(one: readonly Buffer[], other: readonly Buffer[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at]);
}

function listOf(items: readonly Buffer[]): Buffer {
  const parts = items.flatMap((item, at) => (at === 0 ? [item] : [comma, item]));
  return Buffer.concat([Buffer.from('['), ...parts, Buffer.from(']')]);
}

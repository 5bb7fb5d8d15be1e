/**
 * The two streams of a data channel, without sockets and without timers: messages are numbered from 0 in each direction, each is acknowledged by
 * itself, the receiver puts them in order, and the sender repeats the oldest one until it is acknowledged.
 *
 * A client may drop what it cannot take yet (the plugin does, between the handshake and the terminal), so a message counts as delivered when it is
 * acknowledged and not before. A client that has a message already says nothing when it comes again; over one connection that does not matter,
 * since nothing is lost there. After a reconnection it does: see `acknowledge`.
 */
import type { AgentMessage } from './agent-message.ts';

export interface OutgoingLimits {
  /** Messages on their way. The plugin keeps 10,000 that came out of order. */
  readonly messagesMax: number;
}

interface Unacknowledged {
  readonly sequenceNumber: number;
  readonly bytes: Buffer;
  sentMs: number;
  attempts: number;
  /** The connection that it was first sent on. */
  readonly connection: number;
}

/** A message is repeated after the first time; the time doubles up to the second one. As Session Manager's own ends do. */
const repeatFirstMs = 200;
const repeatMsMax = 1_000;

export class OutgoingStream {
  readonly #limits: OutgoingLimits;
  readonly #unacknowledged = new Map<number, Unacknowledged>();
  #next = 0;
  #connection = 0;

  constructor(limits: OutgoingLimits) {
    this.#limits = limits;
  }

  get isFull(): boolean {
    return this.#unacknowledged.size >= this.#limits.messagesMax;
  }

  get isEmpty(): boolean {
    return this.#unacknowledged.size === 0;
  }

  /** Gives the next number to a message; `encode` makes its bytes, which are kept until they are acknowledged. */
  add(encode: (sequenceNumber: number) => Buffer, nowMs: number): Buffer {
    const sequenceNumber = this.#next++;
    const bytes = encode(sequenceNumber);
    const connection = this.#connection;
    this.#unacknowledged.set(sequenceNumber, { sequenceNumber, bytes, sentMs: nowMs, attempts: 1, connection });
    return bytes;
  }

  /**
   * Of a message that was sent on an earlier connection the acknowledgement may have been lost, and the client, who has it, does not
   * acknowledge it again. What is repeated after a reconnection arrives in order: when a later message is acknowledged, the older ones that
   * are still open from before were there already.
   */
  acknowledge(sequenceNumber: number): void {
    if (!this.#unacknowledged.delete(sequenceNumber)) return;
    for (const older of this.#unacknowledged.values()) {
      if (older.sequenceNumber > sequenceNumber) break;
      if (older.connection < this.#connection) this.#unacknowledged.delete(older.sequenceNumber);
    }
  }

  /** When the oldest one is to be repeated; undefined when none is open. */
  get dueMs(): number | undefined {
    const oldest = this.#oldest();
    return oldest && oldest.sentMs + Math.min(repeatFirstMs * 2 ** (oldest.attempts - 1), repeatMsMax);
  }

  /** The oldest one, when it is to be repeated now. */
  repeat(nowMs: number): Buffer | undefined {
    const oldest = this.#oldest();
    const { dueMs } = this;
    if (!oldest || dueMs === undefined || dueMs > nowMs) return undefined;
    oldest.sentMs = nowMs;
    oldest.attempts += 1;
    return oldest.bytes;
  }

  /** A new connection: all that is open, in order, to be sent again. */
  reconnected(nowMs: number): readonly Buffer[] {
    this.#connection += 1;
    const open = [...this.#unacknowledged.values()];
    for (const each of open) {
      each.sentMs = nowMs;
      each.attempts = 1;
    }
    return open.map(({ bytes }) => bytes);
  }

  #oldest(): Unacknowledged | undefined {
    return this.#unacknowledged.values().next().value;
  }
}

export interface IncomingLimits {
  /** How far before its turn a message may come, and how much is kept of such ones. */
  readonly aheadMax: number;
  readonly aheadBytesMax: number;
}

export interface Taken {
  /** Whether the client is to be told that the message is here. */
  readonly isAcknowledged: boolean;
  /** What can be read now, in order. */
  readonly messages: readonly AgentMessage[];
}

export class IncomingStream {
  readonly #limits: IncomingLimits;
  readonly #ahead = new Map<number, AgentMessage>();
  #aheadBytes = 0;
  #expected = 0;

  constructor(limits: IncomingLimits) {
    this.#limits = limits;
  }

  /** `hasRoom`: whether what can be read now has a place; what has none is left to the client, who sends it again. */
  take(message: AgentMessage, hasRoom: boolean): Taken {
    const { sequenceNumber } = message;
    // It comes again because our acknowledgement was lost.
    if (sequenceNumber < this.#expected || this.#ahead.has(sequenceNumber))
      return { isAcknowledged: true, messages: [] };
    if (!hasRoom) return refused;
    if (sequenceNumber > this.#expected) {
      const { aheadMax, aheadBytesMax } = this.#limits;
      if (sequenceNumber > this.#expected + aheadMax) return refused;
      if (this.#aheadBytes + message.payload.length > aheadBytesMax) return refused;
      this.#ahead.set(sequenceNumber, message);
      this.#aheadBytes += message.payload.length;
      return { isAcknowledged: true, messages: [] };
    }
    const messages = [message];
    this.#expected += 1;
    for (let next = this.#ahead.get(this.#expected); next; next = this.#ahead.get(this.#expected)) {
      this.#ahead.delete(this.#expected);
      this.#aheadBytes -= next.payload.length;
      this.#expected += 1;
      messages.push(next);
    }
    return { isAcknowledged: true, messages };
  }
}

const refused: Taken = { isAcknowledged: false, messages: [] };

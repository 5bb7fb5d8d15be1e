/**
 * Many table entries at once: messages go to the kernel in packs, only the last of a pack asks to be acknowledged, and what is
 * refused is told by its sequence number. Between packs other work of the process gets its turn.
 */
import { closeSync } from 'node:fs';
import { nextTurn } from '@slipway/kit/next-turn';
import { describeTableStep, type TableEntry, type TableFailure, type TableStep } from '../table-step.ts';
import { getLinkMessage, linkIndexFrom } from './link-messages.ts';
import {
  decodeReply,
  doneMessageType,
  encodeMessage,
  messageFlags,
  type NetlinkMessage,
  splitMessages,
} from './netlink-message.ts';
import { inNetns } from '../netns.ts';
import { calls, refusal, requireSuccess } from '../system-calls.ts';
import { openRouteSocket, SOL_NETLINK } from './route-socket.ts';
import { dumpMessages, tableEntryFrom, tableStepMessage } from './table-messages.ts';

const NETLINK_GET_STRICT_CHK = 12;
/** Refusals wait in the socket's buffer (208 KiB) until they are read: about 800 bytes each. */
const packSize = 128;
/** The kernel fills what it is given, 32 KiB at most. */
const receiveBytesMax = 32 * 1024;
const EEXIST = 17;

export async function runTableSteps(
  steps: readonly TableStep[],
  netns: string | undefined,
  signal: AbortSignal,
): Promise<readonly TableFailure[]> {
  if (steps.length === 0) return [];
  const socket = new TableSocket(netns);
  try {
    const failures: TableFailure[] = [];
    for (let at = 0; at < steps.length; at += packSize) {
      signal.throwIfAborted();
      if (at > 0) await nextTurn();
      failures.push(...socket.run(steps.slice(at, at + packSize)));
    }
    return failures;
  } finally {
    socket.close();
  }
}

export async function showTableEntries(
  link: string,
  netns: string | undefined,
  signal: AbortSignal,
): Promise<readonly TableEntry[]> {
  const socket = new TableSocket(netns);
  try {
    const linkIndex = socket.linkIndex(link);
    if (linkIndex === undefined) return [];
    const filter = { link, linkIndex };
    const found: TableEntry[] = [];
    for (const message of dumpMessages(filter)) {
      signal.throwIfAborted();
      for (const { type, body } of socket.dump(message)) {
        const entry = tableEntryFrom(type, body, filter);
        if (entry) found.push(entry);
      }
    }
    return found;
  } finally {
    socket.close();
  }
}

/** It belongs to the namespace that it was opened in. */
class TableSocket {
  readonly #fd: number;
  readonly #links = new Map<string, number | undefined>();
  readonly #received = Buffer.allocUnsafe(receiveBytesMax);
  #sequence = 0;

  constructor(netns: string | undefined) {
    this.#fd = netns === undefined ? openRouteSocket() : inNetns(netns, openRouteSocket);
    const on = Buffer.from([1, 0, 0, 0]);
    calls().setsockopt(this.#fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, on, on.length); // without it dumps are only longer
  }

  run(steps: readonly TableStep[]): TableFailure[] {
    const failures: TableFailure[] = [];
    const sent = new Map<number, TableStep>();
    const messages: NetlinkMessage[] = [];
    const sequences: number[] = [];
    for (const step of steps) {
      const index = this.linkIndex(step.entry.link);
      if (index === undefined) {
        if (step.step !== 'delete') failures.push(failureOf(step, 'Cannot find device', false));
        continue;
      }
      messages.push(tableStepMessage(step, index));
      sequences.push(++this.#sequence);
      sent.set(this.#sequence, step);
    }
    if (messages.length === 0) return failures;
    const last = sequences.at(-1) ?? 0;
    const bytes = messages.map((message, i) => {
      const isLast = sequences[i] === last;
      return encodeMessage(
        isLast ? { ...message, flags: message.flags | messageFlags.ack } : message,
        sequences[i] ?? 0,
      );
    });
    this.#send(Buffer.concat(bytes));
    for (const { sequence, errno, message } of this.#outcomesUntil(last)) {
      const step = sent.get(sequence);
      if (errno === 0 || !step) continue;
      const refused = refusal(describeTableStep(step), { errno, message });
      if (step.step === 'delete' && refused.isMissing) continue;
      failures.push(failureOf(step, refused.message, errno === EEXIST));
    }
    return failures;
  }

  /** Undefined when there is no such link. */
  linkIndex(name: string): number | undefined {
    if (this.#links.has(name)) return this.#links.get(name);
    this.#send(encodeMessage(getLinkMessage(name), ++this.#sequence));
    const [first] = this.#receive();
    const reply = first && decodeReply(first.bytes);
    const index = reply?.kind === 'message' ? linkIndexFrom(reply.body) : undefined;
    this.#links.set(name, index);
    return index;
  }

  *dump(message: NetlinkMessage): Generator<{ readonly type: number; readonly body: Buffer }> {
    this.#send(encodeMessage(message, ++this.#sequence));
    for (;;) {
      for (const { bytes } of this.#receive()) {
        const reply = decodeReply(bytes);
        if (reply.kind === 'outcome') {
          if (reply.errno === 0) return;
          const failed = refusal('read tables of the kernel', reply);
          if (failed.isMissing) return; // a table that nobody has written to yet, a family that is switched off
          throw failed;
        }
        if (reply.type === doneMessageType) return;
        yield reply;
      }
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  *#outcomesUntil(last: number): Generator<{ sequence: number; errno: number; message: string }> {
    for (;;) {
      for (const { sequence, bytes } of this.#receive()) {
        const reply = decodeReply(bytes);
        if (reply.kind === 'outcome') yield { sequence, errno: reply.errno, message: reply.message };
        if (sequence === last) return;
      }
    }
  }

  #send(bytes: Buffer): void {
    requireSuccess(calls().send(this.#fd, bytes, bytes.length, 0), 'send to the kernel');
  }

  /** Never waits: the kernel has answered, or goes on with its answer, in the call itself. */
  #receive(): readonly { readonly sequence: number; readonly bytes: Buffer }[] {
    const buffer = this.#received;
    const received = requireSuccess(calls().recv(this.#fd, buffer, buffer.length, 0), 'receive from the kernel');
    return splitMessages(Buffer.from(buffer.subarray(0, received)));
  }
}

function failureOf(step: TableStep, message: string, isExisting: boolean): TableFailure {
  return { step, message, isExisting };
}

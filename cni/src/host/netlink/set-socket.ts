/**
 * Elements of nftables' sets and maps, changed in process: `nft` as a child process takes 4 to 20 ms of a pod's start, a batch of
 * messages a tenth of one. Tables, chains and rules are `nft`'s affair: they are made once.
 */
import { closeSync } from 'node:fs';
import type { Clock } from '@slipway/kit/clock';
import { KernelError } from '../host.ts';
import { inNetns, namespaceOf } from '../netns.ts';
import { calls, lastErrorCode, refusal, requireSuccess } from '../system-calls.ts';
import { decodeReply, doneMessageType, encodeMessage, splitMessages } from './netlink-message.ts';
import { openNetlinkSocket } from './route-socket.ts';
import {
  addElementMessage,
  batchBegin,
  batchEnd,
  elementsFrom,
  getSetMessage,
  listElementsMessage,
  type NftElement,
  type NftTable,
  removeElementMessage,
} from './set-messages.ts';

export interface NftElementChange {
  readonly table: NftTable;
  readonly add: readonly NftElement[];
  readonly remove: readonly NftElement[];
}

const NETLINK_NETFILTER = 12;
const MSG_DONTWAIT = 0x40;
/** A listing comes in pieces of at most this size. */
const replyBytesMax = 64 * 1024;
/** Messages of one batch: what the socket's buffer holds with room to spare. */
const batchMessagesMax = 500;

/** After so long without use a socket is closed: by then the kernel has nothing to wait for. */
const idleMs = 1_000;

/**
 * Sockets that are kept for a while, one per network namespace: closing one right after something was removed waits, with the
 * lock on all of nftables held, until the memory of what was removed is free, some fifteen milliseconds.
 */
export class SetSockets {
  readonly #clock: Clock;
  readonly #open = new Map<string, { readonly fd: number; cancelClose: () => void }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One transaction. Throws `KernelError`: existing when a key is taken, missing when a table, a set or a key is not there. */
  change({ table, add, remove }: NftElementChange, netns: string | undefined): void {
    const messages = [
      ...remove.map((element) => ({
        message: removeElementMessage(table, element),
        what: `remove from ${element.set}`,
      })),
      ...add.map((element) => ({ message: addElementMessage(table, element), what: `add to ${element.set}` })),
    ];
    if (messages.length === 0) return;
    if (messages.length > batchMessagesMax) {
      throw new KernelError(`${messages.length} changes at once: at most ${batchMessagesMax}`, { output: 'too many' });
    }
    const fd = this.#socket(netns);
    const whole = [batchBegin, ...messages.map(({ message }) => message), batchEnd];
    send(fd, Buffer.concat(whole.map(encodeMessage)));
    const refusals: KernelError[] = [];
    for (let bytes = receive(fd, MSG_DONTWAIT); bytes; bytes = receive(fd, MSG_DONTWAIT)) {
      for (const each of splitMessages(bytes)) {
        const reply = decodeReply(each.bytes);
        if (reply.kind !== 'outcome' || reply.errno === 0) continue;
        const what = messages[each.sequence - 1]?.what ?? 'commit';
        refusals.push(refusal(`table ${table.name}: ${what}`, reply));
      }
    }
    if (refusals[0]) throw refusals[0];
  }

  /** Undefined when the table or a set is not there. */
  list(table: NftTable, sets: readonly string[], netns: string | undefined): readonly NftElement[] | undefined {
    const fd = this.#socket(netns);
    const found: NftElement[] = [];
    for (const set of sets) {
      const elements = listSet(fd, table, set);
      if (!elements) return undefined;
      found.push(...elements);
    }
    return found;
  }

  has(table: NftTable, set: string, netns: string | undefined): boolean {
    const fd = this.#socket(netns);
    send(fd, encodeMessage(getSetMessage(table, set), 0));
    const reply = decodeReply(receive(fd, 0) ?? Buffer.alloc(0));
    if (reply.kind === 'message' || reply.errno === 0) return true;
    const failure = refusal(`find set ${set} of table ${table.name}`, reply);
    if (failure.isMissing) return false;
    throw failure;
  }

  #socket(netns: string | undefined): number {
    // A path may lead to another namespace later.
    const key = (netns !== undefined && namespaceOf(netns)) || 'own';
    const known = this.#open.get(key);
    known?.cancelClose();
    const open = () => openNetlinkSocket(NETLINK_NETFILTER);
    const fd = known?.fd ?? (netns === undefined ? open() : inNetns(netns, open));
    const cancelClose = this.#clock.after(idleMs, () => {
      this.#open.delete(key);
      closeSync(fd);
    });
    this.#open.set(key, { fd, cancelClose });
    while (receive(fd, MSG_DONTWAIT)); // what an earlier call that failed has left unread
    return fd;
  }
}

function listSet(fd: number, table: NftTable, set: string): readonly NftElement[] | undefined {
  send(fd, encodeMessage(listElementsMessage(table, set), 0));
  const found: NftElement[] = [];
  for (;;) {
    for (const { bytes } of splitMessages(receive(fd, 0) ?? Buffer.alloc(0))) {
      const reply = decodeReply(bytes);
      if (reply.kind === 'message') {
        if (reply.type === doneMessageType) return found;
        found.push(...elementsFrom(reply.body, set));
        continue;
      }
      const failure = refusal(`list set ${set} of table ${table.name}`, reply);
      if (failure.isMissing) return undefined;
      throw failure;
    }
  }
}

function send(fd: number, bytes: Buffer): void {
  requireSuccess(calls().send(fd, bytes, bytes.length, 0), 'send to the kernel');
}

/** Undefined when nothing is there and the call does not wait. The kernel answers before the call that sent returns. */
function receive(fd: number, flags: number): Buffer | undefined {
  const bytes = Buffer.alloc(replyBytesMax);
  const received = calls().recv(fd, bytes, bytes.length, flags);
  if (received < 0 && lastErrorCode() === 'EAGAIN') return undefined;
  return bytes.subarray(0, requireSuccess(received, 'receive from the kernel'));
}

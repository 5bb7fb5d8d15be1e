/**
 * The kernel's interface to links, addresses and routes, spoken in process: `ip` as a child process takes 4 to 9 ms of a
 * pod's start, a message some tens of microseconds, a new pair of links a millisecond.
 */
import { closeSync } from 'node:fs';
import { neverAborted } from '@slipway/kit/abort';
import { type Clock, systemClock } from '@slipway/kit/clock';
import type { LinkInfo, LinkSelector } from '../host.ts';
import { type ChildLinkKind, describeLinkStep, type LinkStep } from '../link-step.ts';
import { inNetns, openNetns } from '../netns.ts';
import { calls, refusal, requireSuccess } from '../system-calls.ts';
import { decodeLinkInfo } from './link-info.ts';
import {
  getLinkByAlternativeNameMessage,
  getLinkMessage,
  linkIndexFrom,
  linkStepMessages,
  probeKindMessage,
} from './link-messages.ts';
import { decodeReply, encodeMessage, type NetlinkMessage, type NetlinkReply } from './netlink-message.ts';

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
export const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
/** A link's description without statistics takes 1 to 2 KiB, and its alternative names up to 64 KiB. */
const replyBytesMax = 80 * 1024;

/** Between two looks whether a link is gone. */
const pollMs = 1;

/** Carries the steps out in order in a network namespace, our own when absent. Throws `KernelError` at the first failure. */
export async function runLinkSteps(steps: readonly LinkStep[], netns: string | undefined, clock: Clock): Promise<void> {
  if (steps.length === 0) return;
  const socket = new RouteSocket(netns, clock);
  try {
    for (const step of steps) await socket.run(step);
  } finally {
    socket.close();
  }
}

/** Undefined when there is no such link. */
export function readLink(selector: LinkSelector, netns: string | undefined): LinkInfo | undefined {
  const socket = new RouteSocket(netns);
  try {
    return socket.readLink(selector);
  } finally {
    socket.close();
  }
}

/** Whether this kernel can make such links, loading its module if there is one. */
export function knowsLinkKind(kind: ChildLinkKind['kind'], netns: string | undefined): boolean {
  const socket = new RouteSocket(netns);
  try {
    return socket.knowsLinkKind(kind);
  } finally {
    socket.close();
  }
}

/** It belongs to the namespace that it was opened in, wherever its user is later. */
class RouteSocket {
  readonly #fd: number;
  readonly #links = new Map<string, number>();
  readonly #netns: string | undefined;
  readonly #clock: Clock;
  #sequence = 0;
  #unfinished: Promise<unknown> | undefined;

  constructor(netns: string | undefined, clock: Clock = systemClock) {
    this.#netns = netns;
    this.#clock = clock;
    this.#fd = netns === undefined ? openRouteSocket() : inNetns(netns, openRouteSocket);
  }

  async run(step: LinkStep): Promise<void> {
    const opened: number[] = [];
    const numbers = {
      linkIndex: (name: string) => this.#linkIndex(name),
      netnsDescriptor: (path: string) => {
        opened.push(openNetns(path));
        return opened.at(-1) as number;
      },
    };
    try {
      for (const message of linkStepMessages(step, numbers)) {
        const reply = step.step === 'deleteLink' ? await this.#delete(step.name, message) : this.#exchange(message);
        if (reply?.kind === 'outcome' && reply.errno !== 0) throw refusal(describeLinkStep(step), reply);
      }
    } finally {
      for (const fd of opened) closeSync(fd);
    }
  }

  readLink(selector: LinkSelector): LinkInfo | undefined {
    const isByName = 'name' in selector;
    const reply = this.#exchange(
      isByName ? getLinkMessage(selector.name) : getLinkByAlternativeNameMessage(selector.alternativeName),
    );
    if (reply.kind === 'message') return decodeLinkInfo(reply.body);
    const failure = refusal(`find link ${isByName ? selector.name : selector.alternativeName}`, reply);
    if (failure.isMissing) return undefined;
    throw failure;
  }

  knowsLinkKind(kind: ChildLinkKind['kind']): boolean {
    const reply = this.#exchange(probeKindMessage(kind));
    return !(reply.kind === 'outcome' && refusal('', reply).isUnsupported);
  }

  close(): void {
    const close = () => closeSync(this.#fd);
    if (this.#unfinished) void this.#unfinished.then(close, close);
    else close();
  }

  /**
   * A link that is deleted is gone for everybody after a millisecond: its name is free, its addresses and routes are gone. Only then the
   * kernel waits, for some twenty more, until no processor can hold its memory any more, and we need not wait with it.
   * Answers nothing when the link is gone before the kernel has answered.
   */
  async #delete(name: string, message: NetlinkMessage): Promise<NetlinkReply | undefined> {
    let answered = false;
    const answer = this.#exchangeOffThread(message).finally(() => {
      answered = true;
    });
    this.#unfinished = answer.catch(() => {}); // told to whoever awaits the answer below
    while (!answered) {
      await Promise.race([answer, this.#clock.sleep(pollMs, neverAborted)]);
      if (!answered && !this.#exists(name)) return undefined;
    }
    return answer;
  }

  #exists(name: string): boolean {
    const look = () => calls().interfaceIndex(name) !== 0;
    return this.#netns === undefined ? look() : inNetns(this.#netns, look);
  }

  #linkIndex(name: string): number {
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const reply = this.#exchange(getLinkMessage(name));
    if (reply.kind === 'outcome') throw refusal(`find link ${name}`, reply);
    const index = linkIndexFrom(reply.body);
    this.#links.set(name, index);
    return index;
  }

  #exchange(message: NetlinkMessage): NetlinkReply {
    const bytes = this.#encode(message);
    requireSuccess(calls().send(this.#fd, bytes, bytes.length, 0), 'send to the kernel');
    return this.#receive();
  }

  async #exchangeOffThread(message: NetlinkMessage): Promise<NetlinkReply> {
    const bytes = this.#encode(message);
    const sent = await new Promise<number>((resolve, reject) =>
      calls().sendAsync(this.#fd, bytes, bytes.length, 0, (error, result) => (error ? reject(error) : resolve(result))),
    );
    requireSuccess(sent, 'send to the kernel');
    return this.#receive();
  }

  #encode(message: NetlinkMessage): Buffer {
    this.#sequence++;
    return encodeMessage(message, this.#sequence);
  }

  /** Never waits: the kernel has answered before the call that sent the message returns. */
  #receive(): NetlinkReply {
    const bytes = Buffer.allocUnsafe(replyBytesMax);
    const received = requireSuccess(calls().recv(this.#fd, bytes, bytes.length, 0), 'receive from the kernel');
    return decodeReply(bytes.subarray(0, received));
  }
}

export function openRouteSocket(): number {
  return openNetlinkSocket(NETLINK_ROUTE);
}

/** Of the namespace that the thread is in. */
export function openNetlinkSocket(protocol: number): number {
  const fd = requireSuccess(calls().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), 'open a socket');
  const on = Buffer.from([1, 0, 0, 0]);
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) {
    calls().setsockopt(fd, SOL_NETLINK, option, on, on.length); // without it answers are only longer, or say less
  }
  return fd;
}

import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import { type ForeignAnswer, readForeignAnswer } from '../wire/foreign-answer.ts';
import { rcodes } from '../wire/record-types.ts';
import { askByTcp, askByUdp, type Exchanged, type Upstream } from './exchange.ts';
import { encodeQuestion, type ForeignQuestion } from './foreign-question.ts';
import type { LoopGuard } from './loop-guard.ts';

/** Asks other servers for names that are not the cluster's. */
export interface Forwarder {
  /** Whole, whatever it says; undefined when no server answered in time. Rejects only for the signal. */
  forward(question: ForeignQuestion, signal: AbortSignal): Promise<ForeignAnswer | undefined>;
}

export interface ForwarderDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** The servers for a name, in the order in which they are asked. */
  readonly upstreamsFor: (name: string) => Promise<readonly Upstream[]>;
  readonly guard: Pick<LoopGuard, 'usable'>;
  /** `rcode` is undefined for a question that stayed without an answer. */
  readonly observe?: (upstream: Upstream, rcode: number | undefined, ms: number) => void;
}

/** Clients give up after five seconds; several servers must fit into that. */
const tryMs = 1500;
const totalMs = 4800;
const rounds = 2;
/** Questions on their way at once; more than that are answered SERVFAIL, so that a dead server costs bounded memory. */
const pendingMax = 1000;
/** A server that did not answer is asked last for so long. */
const avoidedMs = 10_000;
/** An answer of these kinds says more about the server than about the name: the next one may know better. */
const unhelpful: readonly number[] = [rcodes.SERVFAIL, rcodes.NOTIMP, rcodes.REFUSED];

export function createForwarder(deps: ForwarderDeps): Forwarder {
  const { clock, upstreamsFor, guard } = deps;
  const avoidedUntil = new Map<string, number>();
  let pending = 0;

  const ask = async (question: ForeignQuestion, upstream: Upstream, signal: AbortSignal) => {
    const startedMs = clock.monotonicMs();
    const name = nameOf(upstream);
    const answer = await withDeadline(clock, tryMs, signal, (either) => askOne(deps, question, upstream, either));
    deps.observe?.(upstream, answer?.rcode, clock.monotonicMs() - startedMs);
    if (answer) avoidedUntil.delete(name);
    else avoidedUntil.set(name, clock.monotonicMs() + avoidedMs);
    return answer;
  };
  const isAvoided = (upstream: Upstream) => (avoidedUntil.get(nameOf(upstream)) ?? 0) > clock.monotonicMs();

  const askAll = async (question: ForeignQuestion, signal: AbortSignal) => {
    const servers = guard.usable(await upstreamsFor(question.name), signal);
    const ordered = [...servers.filter((each) => !isAvoided(each)), ...servers.filter(isAvoided)];
    const deadlineMs = clock.monotonicMs() + totalMs;
    let second: ForeignAnswer | undefined;
    for (let i = 0; i < rounds * ordered.length && clock.monotonicMs() < deadlineMs; i++) {
      const server = ordered[i % ordered.length];
      const answer = server && (await ask(question, server, signal));
      if (answer && !unhelpful.includes(answer.rcode)) return answer;
      second ??= answer;
      if (second && i + 1 >= ordered.length) return second;
    }
    return second;
  };

  return {
    async forward(question, signal) {
      if (pending >= pendingMax) return undefined;
      pending++;
      try {
        return await askAll(question, signal);
      } finally {
        pending--;
      }
    },
  };
}

/** One server: by UDP; by TCP when the answer is too long, or its spelling could be a forger's. */
async function askOne(
  { random }: ForwarderDeps,
  question: ForeignQuestion,
  upstream: Upstream,
  signal: AbortSignal,
): Promise<ForeignAnswer | undefined> {
  const first = await askByUdp(encodeQuestion(question, random, true), upstream, signal);
  const read = readAnswer(first);
  if (read && !read.isTruncated) return read;
  // Older than EDNS: what it does not know it calls malformed.
  const isOld = isHeaderWith(first, [rcodes.FORMERR, rcodes.NOTIMP]);
  if (isOld) return readAnswer(await askByUdp(encodeQuestion(question, random, false), upstream, signal));
  if (isHeaderWith(first, unhelpful)) return undefined;
  return readForeignAnswer((await askByTcp(encodeQuestion(question, random, true), upstream, signal)).answer);
}

function readAnswer({ answer, isRespelled }: Exchanged): ForeignAnswer | undefined {
  if (isRespelled) return undefined;
  const read = readForeignAnswer(answer);
  return read?.rcode === rcodes.FORMERR ? undefined : read;
}

function isHeaderWith({ answer }: Exchanged, codes: readonly number[]): boolean {
  const rcode = answer.readUInt16BE(2) & 0xf;
  return codes.includes(rcode) && (rcode === rcodes.FORMERR || answer.readUInt16BE(4) === 0);
}

async function withDeadline<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const deadline = new AbortController();
  const cancel = clock.after(ms, () => deadline.abort());
  try {
    return await attempt(AbortSignal.any([signal, deadline.signal]));
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined; // timed out, refused, unreachable: the next server may do better
  } finally {
    cancel();
  }
}

function nameOf({ address, port }: Upstream): string {
  return `${address} ${port}`;
}

import type { Clock } from '@slipway/kit/clock';
import { AnswerCache, type CachedAnswer } from './answer-cache.ts';
import { type ForeignQuestion, questionKey } from './foreign-question.ts';
import type { Forwarder } from './forwarder.ts';

/** Clients that wait for an answer at once; more get SERVFAIL. */
const waitingMax = 5000;

/** Names outside the cluster: what is known is answered at once, and the same question from many pods goes out once. */
export class ForeignNames {
  readonly #forwarder: Forwarder;
  readonly #cache: AnswerCache;
  readonly #asked = new Map<string, Promise<CachedAnswer | undefined>>();
  #waiting = 0;

  constructor(forwarder: Forwarder, clock: Clock) {
    this.#forwarder = forwarder;
    this.#cache = new AnswerCache(clock);
  }

  get cachedCount(): number {
    return this.#cache.size;
  }

  /** The servers are others now: what the former ones said does not count. */
  forget(): void {
    this.#cache.clear();
  }

  cached(question: ForeignQuestion): CachedAnswer | undefined {
    return this.#cache.get(questionKey(question));
  }

  /** Undefined when nobody could say. Rejects only for the signal. */
  async resolve(question: ForeignQuestion, signal: AbortSignal): Promise<CachedAnswer | undefined> {
    if (this.#waiting >= waitingMax) return undefined;
    this.#waiting++;
    try {
      return await this.#ask(question, signal);
    } finally {
      this.#waiting--;
    }
  }

  #ask(question: ForeignQuestion, signal: AbortSignal): Promise<CachedAnswer | undefined> {
    const key = questionKey(question);
    const asked = this.#asked.get(key);
    if (asked) return asked;
    const started = this.#forward(key, question, signal).finally(() => this.#asked.delete(key));
    this.#asked.set(key, started);
    return started;
  }

  async #forward(key: string, question: ForeignQuestion, signal: AbortSignal): Promise<CachedAnswer | undefined> {
    const answer = await this.#forwarder.forward(question, signal);
    if (!answer) return undefined;
    this.#cache.put(key, answer);
    return { answer, ageSeconds: 0 };
  }
}

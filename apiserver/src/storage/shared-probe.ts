/**
 * Answers that must not be older than the question, shared: who asks while a probe is under way gets the next one,
 * together with all others who asked meanwhile. So at most one probe runs and one waits, however many ask.
 */
export class SharedProbe<T> {
  readonly #probe: () => Promise<T>;
  #running: Promise<unknown> | undefined;
  #waiting: Promise<T> | undefined;

  constructor(probe: () => Promise<T>) {
    this.#probe = probe;
  }

  next(): Promise<T> {
    if (!this.#running) return this.#start();
    this.#waiting ??= this.#running.then(() => {
      this.#waiting = undefined;
      return this.#start();
    });
    return this.#waiting;
  }

  #start(): Promise<T> {
    const answer = this.#probe();
    this.#running = answer.catch(() => {});
    const running = this.#running;
    void running.then(() => {
      if (this.#running === running) this.#running = undefined;
    });
    return answer;
  }
}

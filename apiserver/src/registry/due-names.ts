/** Names of objects that somebody has to look at, each once however often it is said, one after the other. */
export class DueNames {
  readonly #due = new Set<string>();
  #wake: (() => void) | undefined;

  add(name: string): void {
    this.#due.add(name);
    this.#wake?.();
  }

  /** Until the signal aborts. What is said of a name while it is looked at makes it due again. */
  async run(work: (name: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    const onAbort = () => this.#wake?.();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const [name] = this.#due;
        if (name === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
        else {
          this.#due.delete(name);
          await work(name);
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

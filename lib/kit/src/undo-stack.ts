import { messageOf } from './errors.ts';

/**
 * Roll-back of a set-up: every step that made something pushes how to unmake it. On failure `unwind` runs all of
 * them in reverse order, collects what fails, and returns an error that carries the first failure as its cause.
 */
export class UndoStack {
  readonly #steps: { readonly what: string; readonly undo: () => Promise<void> }[] = [];

  push(what: string, undo: () => Promise<void>): void {
    this.#steps.push({ what, undo });
  }

  /** The set-up succeeded: nothing is to be undone any more. */
  clear(): void {
    this.#steps.length = 0;
  }

  /** Returns `failure` itself when all steps could be undone. */
  async unwind(failure: unknown): Promise<unknown> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        failures.push(new Error(`undo ${step.what}: ${messageOf(error)}`, { cause: error }));
      }
    }
    if (failures.length === 0) return failure;
    return new AggregateError([failure, ...failures], messageOf(failure), { cause: failure });
  }
}

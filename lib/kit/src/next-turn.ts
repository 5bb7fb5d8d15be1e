/** Resolves when all that was ready to run has run: long work that stands aside now and then lets requests and timers through. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

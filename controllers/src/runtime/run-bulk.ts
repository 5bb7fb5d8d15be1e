/**
 * Runs many writes of the same sort. Starts with one in flight and lets one more in for each that succeeds, so a
 * mistake that concerns all of them is met once and not a thousand times, while a store that commits in groups is
 * soon given groups. After a failure nothing new starts; what is in flight is waited for. Returns the first failure.
 */
export async function runBulk<T>(
  items: readonly T[],
  inFlightMax: number,
  run: (item: T) => Promise<void>,
): Promise<{ readonly item: T; readonly error: unknown } | undefined> {
  let failure: { readonly item: T; readonly error: unknown } | undefined;
  let next = 0;
  let inFlight = 0;
  let window = 1;
  return new Promise((resolve) => {
    const fill = () => {
      while (!failure && inFlight < window && next < items.length) start(items[next++] as T);
      if (inFlight === 0) resolve(failure);
    };
    const start = (item: T) => {
      inFlight++;
      run(item).then(
        () => {
          inFlight--;
          window = Math.min(window + 1, inFlightMax);
          fill();
        },
        (error: unknown) => {
          inFlight--;
          failure ??= { item, error };
          fill();
        },
      );
    };
    fill();
  });
}

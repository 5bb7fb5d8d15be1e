import { nextTurn } from '@slipway/kit/next-turn';
import { runBulk } from './run-bulk.ts';

/** Runs items whose end the test decides. */
function controlled(count: number, inFlightMax: number) {
  const open = new Map<number, { end: () => void; fail: (error: Error) => void }>();
  const started: number[] = [];
  const items = Array.from({ length: count }, (_, i) => i);
  const done = runBulk(items, inFlightMax, (item) => {
    started.push(item);
    return new Promise<void>((resolve, reject) => open.set(item, { end: resolve, fail: reject }));
  });
  const end = async (item: number) => {
    open.get(item)?.end();
    open.delete(item);
    await nextTurn();
  };
  return { open, started, done, end };
}

describe('runBulk', () => {
  it('begins with one and lets one more in for each that succeeds, up to the limit', async () => {
    const { open, started, done, end } = controlled(20, 4);
    expect(started).toEqual([0]);
    await end(0);
    expect(open.size).toBe(2);
    await end(1);
    expect(open.size).toBe(3);
    await end(2);
    await end(3);
    expect(open.size).toBe(4);
    while (open.size > 0) await end(Math.min(...open.keys()));
    expect(await done).toBeUndefined();
    expect(started).toHaveLength(20);
  });

  it('starts nothing after a failure, waits for what runs, and answers the first failure', async () => {
    const { open, started, done, end } = controlled(10, 4);
    await end(0);
    open.get(1)?.fail(new Error('first'));
    open.delete(1);
    await nextTurn();
    let isDone = false;
    void done.then(() => {
      isDone = true;
    });
    await nextTurn();
    expect(isDone).toBe(false);
    open.get(2)?.fail(new Error('second'));
    expect(await done).toMatchObject({ item: 1, error: new Error('first') });
    expect(started).toEqual([0, 1, 2]);
  });

  it('ends at once when there is nothing to do', async () => {
    expect(await runBulk([], 4, async () => {})).toBeUndefined();
  });
});

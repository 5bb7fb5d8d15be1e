import { SharedProbe } from './shared-probe.ts';

describe('SharedProbe', () => {
  it('runs one probe and lets all others share the next', async () => {
    const answers: ((value: number) => void)[] = [];
    const probe = new SharedProbe(() => new Promise<number>((resolve) => void answers.push(resolve)));
    const first = probe.next();
    const second = probe.next();
    const third = probe.next();
    expect(answers).toHaveLength(1);
    answers[0]?.(1);
    expect(await first).toBe(1);
    while (answers.length < 2) await Promise.resolve();
    expect(answers).toHaveLength(2);
    answers[1]?.(2);
    expect(await Promise.all([second, third])).toEqual([2, 2]);
    const fourth = probe.next();
    answers[2]?.(3);
    expect(await fourth).toBe(3);
  });

  it('goes on after a failure', async () => {
    let calls = 0;
    const probe = new SharedProbe(async () => {
      if (calls++ === 0) throw new Error('gone');
      return calls;
    });
    const first = probe.next();
    const second = probe.next();
    await expect(first).rejects.toThrow('gone');
    expect(await second).toBe(2);
  });
});

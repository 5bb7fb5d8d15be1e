import { FirstSeen } from './first-seen.ts';

it('dates from when a value was first seen, and anew when it changes or was forgotten', () => {
  const seen = new FirstSeen();
  expect([seen.since('a', 'x', 100), seen.since('a', 'x', 150), seen.since('b', 'x', 160)]).toEqual([100, 100, 160]);
  expect(seen.since('a', 'y', 200)).toBe(200);
  seen.forget('a');
  expect(seen.since('a', 'y', 300)).toBe(300);
});

it('is not misled by a wall clock that is set forwards or back', () => {
  let monotonicMs = 0;
  const seen = new FirstSeen({ monotonicMs: () => monotonicMs });
  const startMs = 1_000_000;
  seen.since('a', 'x', startMs);
  monotonicMs += 5_000;
  for (const jumpMs of [3_600_000, 0, -3_600_000]) {
    const nowMs = startMs + 5_000 + jumpMs;
    expect(nowMs - seen.since('a', 'x', nowMs)).toBe(5_000);
  }
});

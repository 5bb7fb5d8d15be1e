import { systemClock } from '@slipway/kit/clock';
import { fuzz } from './fuzz.ts';

const seed = 20_261_121;

describe('a server under fuzz', () => {
  it(`answers everything and stays (seed ${seed})`, async () => {
    const report = await fuzz({ seed, requests: 4_000, connections: 8, clock: systemClock, timeMsMax: 12_000 });
    expect(report.failures).toEqual([]);
    expect(report.sent).toBeGreaterThan(100);
    // Most of what is sent is refused, and not all of it.
    expect([...report.byCode.keys()]).toEqual(expect.arrayContaining([200, 400, 404, 406, 422]));
  });
});

import { VirtualClock } from '@slipway/kit/virtual-clock';
import { Deadlines } from './deadlines.ts';

function deadlines() {
  const clock = new VirtualClock();
  const giving = new AbortController();
  return { clock, giving, all: new Deadlines({ clock, requestMsMax: 60_000, givingUp: giving.signal }) };
}

describe('the deadline of a request', () => {
  it('is shared by those that begin together, and holds for each', async () => {
    const { clock, all } = deadlines();
    const first = all.signalFor(null);
    expect(all.signalFor('')).toBe(first);
    await clock.advance(2_000);
    const later = all.signalFor(null);
    expect(later).not.toBe(first);
    await clock.advance(59_500);
    expect([first.aborted, later.aborted]).toEqual([true, false]);
    expect(first.reason).toMatchObject({ reason: 'Timeout', code: 504 });
  });

  it('may be earlier, and not later, than the server’s', async () => {
    const { clock, all } = deadlines();
    const [soon, late] = [all.signalFor('1.5s'), all.signalFor('2h')];
    await clock.advance(1_600);
    expect([soon.aborted, late.aborted]).toEqual([true, false]);
    await clock.advance(60_000);
    expect(late.aborted).toBe(true);
  });

  it.each(['x', '1', '-1s', '1d', `${'1s'.repeat(100)}`])('is refused as %s', (text) => {
    expect(() => deadlines().all.signalFor(text)).toThrow('invalid timeout specified in the request URL');
  });

  it('comes when the server gives up', () => {
    const { giving, all } = deadlines();
    const signal = all.signalFor(null);
    giving.abort();
    expect(signal.aborted).toBe(true);
  });
});

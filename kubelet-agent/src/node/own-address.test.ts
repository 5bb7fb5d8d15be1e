import { VirtualClock } from '@slipway/kit/virtual-clock';
import { untilAddressMoves } from './own-address.ts';

describe('untilAddressMoves', () => {
  const follow = (addresses: () => readonly string[]) => {
    const clock = new VirtualClock();
    const stop = new AbortController();
    const moved = untilAddressMoves('10.0.0.1', addresses, clock, stop.signal);
    return { clock, stop, moved };
  };

  it('tells the next address when the own one is gone for good', async () => {
    let addresses = ['10.0.0.1', '10.0.0.2'];
    const { clock, moved } = follow(() => addresses);
    await clock.advance(10_000);
    addresses = ['10.0.0.2'];
    await clock.advance(10_000);
    expect(await moved).toEqual({ movedTo: '10.0.0.2' });
  });

  it('waits as long as there is no other address, or the own one comes back', async () => {
    const seen = [['127.0.0.1'], ['10.0.0.9'], ['10.0.0.1'], [], ['10.0.0.9'], ['10.0.0.1']];
    const { clock, stop, moved } = follow(() => seen.shift() ?? ['10.0.0.1']);
    await clock.advance(60_000);
    stop.abort();
    expect(await moved).toEqual({ movedTo: undefined });
  });
});

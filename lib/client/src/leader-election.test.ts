import { StatusError } from '@slipway/api/status-error';
import type { ApiRequest, Transport } from '@slipway/api/transport';
import type { Lease } from '@slipway/api/types';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { runAsLeader } from './leader-election.ts';

/** One Lease behind a transport that can be made to hang, per client. */
function createLeaseServer() {
  let lease: Lease | undefined;
  let version = 0;
  const hanging = new Set<string>();
  const answer = ({ verb, body }: ApiRequest): Lease => {
    if (verb === 'get') {
      if (!lease) throw new StatusError('NotFound', 'no lease');
      return lease;
    }
    const draft = body as Lease;
    if (verb === 'create' && lease) throw new StatusError('AlreadyExists', 'lease');
    if (verb === 'update' && draft.metadata.resourceVersion !== lease?.metadata.resourceVersion) {
      throw new StatusError('Conflict', 'lease');
    }
    lease = { ...draft, metadata: { ...draft.metadata, resourceVersion: String(++version) } };
    return lease;
  };
  const transportOf = (identity: string): Transport => ({
    send: (request) => (hanging.has(identity) ? new Promise(() => {}) : Promise.resolve().then(() => answer(request))),
    watch: () => {
      throw new Error('nobody watches a lease');
    },
  });
  return { transportOf, hanging, holder: () => lease?.spec.holderIdentity };
}

describe('runAsLeader', () => {
  const clock = () => new VirtualClock();
  let world: VirtualClock;
  let server: ReturnType<typeof createLeaseServer>;
  let leading: string[];
  beforeEach(() => {
    world = clock();
    server = createLeaseServer();
    leading = [];
  });

  function candidate(identity: string) {
    const stop = new AbortController();
    let waits = 0;
    const ended = runAsLeader(
      {
        transport: server.transportOf(identity),
        clock: world,
        random: seededRandom(1),
        log: silentLogger,
        namespace: 'kube-system',
        name: 'x',
        identity,
        waiting: () => void waits++,
      },
      async (signal) => {
        leading.push(identity);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        leading.splice(leading.indexOf(identity), 1);
      },
      stop.signal,
    ).then(
      () => 'stopped',
      (error: Error) => error.message,
    );
    return { stop, ended, waits: () => waits };
  }

  it('lets one lead, and the next when it stops, within a retry', async () => {
    const [a, b] = [candidate('a'), candidate('b')];
    await world.advance(1);
    expect(leading).toEqual(['a']);
    expect([a.waits(), b.waits()]).toEqual([0, 1]);
    a.stop.abort();
    await world.advance(1);
    await world.advance(2_500);
    expect([await a.ended, leading]).toEqual(['stopped', ['b']]);
    b.stop.abort();
    await b.ended;
    expect(server.holder()).toBe('');
  });

  it('never has two lead while the server of the first hangs, and has the second lead within 20 s', async () => {
    const first = candidate('a');
    await world.advance(5_000);
    const second = candidate('b');
    await world.advance(5_000);
    expect(leading).toEqual(['a']);
    server.hanging.add('a');
    for (let ms = 0; ms < 20_000; ms += 100) {
      await world.advance(100);
      expect(leading.length).toBeLessThanOrEqual(1);
    }
    expect(leading).toEqual(['b']);
    expect(await first.ended).toBe('lost the lead of kube-system/x');
    second.stop.abort();
    await second.ended;
  });

  it('takes the lease of an earlier run of itself at once', async () => {
    const first = candidate('a');
    await world.advance(1);
    server.hanging.add('a'); // it dies without giving it up
    first.stop.abort();
    await world.advance(2_001);
    server.hanging.delete('a');
    const again = candidate('a');
    await world.advance(1);
    expect(leading).toEqual(['a']);
    again.stop.abort();
    await again.ended;
  });
});

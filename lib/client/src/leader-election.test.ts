import { StatusError } from '@slipway/api/status-error';
import type { ApiRequest, Transport, WatchEvent } from '@slipway/api/transport';
import type { Lease } from '@slipway/api/types';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { fencedTransport } from './fenced-transport.ts';
import { runAsLeader, type SurelyLeads } from './leader-election.ts';

/** One Lease behind a transport that can be made to hang, per client. */
function createLeaseServer({ canWatch }: { readonly canWatch: boolean }) {
  const heard = new Set<() => void>();
  const requests: string[] = [];
  let lease: Lease | undefined;
  let version = 0;
  const hanging = new Set<string>();
  const answer = ({ verb, body }: ApiRequest, identity: string): Lease => {
    requests.push(`${identity} ${verb}`);
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
    for (const tell of heard) tell();
    heard.clear();
    return lease;
  };
  const transportOf = (identity: string): Transport => ({
    send: (request) =>
      hanging.has(identity) ? new Promise(() => {}) : Promise.resolve().then(() => answer(request, identity)),
    watch: (_, signal) => {
      if (!canWatch) throw new Error('nobody watches a lease');
      return watchOf(signal);
    },
  });
  async function* watchOf(signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]> {
    for (let shown = ''; !signal.aborted; ) {
      if (lease && lease.metadata.resourceVersion !== shown) {
        shown = lease.metadata.resourceVersion ?? '';
        yield [{ type: 'MODIFIED', object: lease }];
      }
      await new Promise<void>((resolve) => {
        heard.add(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }
  return { transportOf, hanging, requests, holder: () => lease?.spec.holderIdentity };
}

describe.each([true, false])('runAsLeader, where the lease can be watched: %p', (canWatch) => {
  const clock = () => new VirtualClock();
  let world: VirtualClock;
  let server: ReturnType<typeof createLeaseServer>;
  let leading: string[];
  beforeEach(() => {
    world = clock();
    server = createLeaseServer({ canWatch });
    leading = [];
  });

  function candidate(identity: string) {
    const stop = new AbortController();
    let waits = 0;
    let fence: SurelyLeads = () => false;
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
      async (signal, surelyLeads) => {
        fence = surelyLeads;
        leading.push(identity);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        leading.splice(leading.indexOf(identity), 1);
      },
      stop.signal,
    ).then(
      () => 'stopped',
      (error: Error) => error.message,
    );
    return { stop, ended, waits: () => waits, surelyLeads: () => fence() };
  }

  it('lets one lead, and the next when it stops, within a retry', async () => {
    const [a, b] = [candidate('a'), candidate('b')];
    await world.advance(1);
    expect(leading).toEqual(['a']);
    expect([a.waits(), b.waits()]).toEqual([0, 1]);
    a.stop.abort();
    await world.advance(1);
    // Heard of at once, or at the next asking.
    await world.advance(canWatch ? 1 : 500);
    expect([await a.ended, leading]).toEqual(['stopped', ['b']]);
    b.stop.abort();
    await b.ended;
    expect(server.holder()).toBe('');
  });

  it('never has two lead while the server of the first hangs, and has the second lead within 3 s', async () => {
    const first = candidate('a');
    await world.advance(5_000);
    const second = candidate('b');
    await world.advance(5_000);
    expect(leading).toEqual(['a']);
    server.hanging.add('a');
    for (let ms = 0; ms < 3_000; ms += 50) {
      await world.advance(50);
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

  it('asks little: who waits asks nothing while it hears of renewals', async () => {
    const [a, b] = [candidate('a'), candidate('b')];
    await world.advance(10_000);
    const asked = server.requests.filter((request) => request.startsWith('b')).length;
    expect(server.requests.filter((request) => request.startsWith('a ')).length).toBeLessThan(60);
    if (canWatch) expect(asked).toBeLessThanOrEqual(2);
    else expect(asked).toBeGreaterThan(10);
    for (const one of [a, b]) one.stop.abort();
    await Promise.all([a.ended, b.ended]);
  });

  it('says that it does not surely lead before another one can, though its timers have not run', async () => {
    const first = candidate('a');
    await world.advance(5_000);
    expect(first.surelyLeads()).toBe(true);
    server.hanging.add('a');
    const second = candidate('b');
    for (let ms = 0; ms < 3_000; ms += 10) {
      await world.advance(10);
      expect([first, second].filter((one) => one.surelyLeads()).length).toBeLessThanOrEqual(1);
    }
    expect([first.surelyLeads(), second.surelyLeads()]).toEqual([false, true]);
    second.stop.abort();
    await Promise.all([first.ended, second.ended]);
    expect(second.surelyLeads()).toBe(false);
  });
});

it('holds writes back, and lets reads pass, while the lead is not sure', async () => {
  const sent: string[] = [];
  const plain: Transport = {
    send: async ({ verb }) => void sent.push(verb),
    watch: async function* () {},
  };
  let isSure = false;
  const fenced = fencedTransport(plain, () => isSure);
  const path = { group: '', version: 'v1', resource: 'pods', name: 'p' };
  const { signal } = new AbortController();
  await expect(fenced.send({ verb: 'delete', path }, signal)).rejects.toThrow('delete of pods held back: not leading');
  await fenced.send({ verb: 'list', path }, signal);
  isSure = true;
  await fenced.send({ verb: 'patch', path }, signal);
  expect(sent).toEqual(['list', 'patch']);
});

import { type Backend, openEtcdStore } from '@slipway/apiserver';
import { systemClock } from '@slipway/kit/clock';
import { eventually } from '../harness/eventually.ts';
import { type EtcdMembers, memberCount } from './etcd-members.ts';

const { signal } = new AbortController();
const options = { signal, cause: '{}' };
const range = { from: '/registry/', to: '/registry0' };
const key = (name: string) => `/registry/core/configmaps/${name}`;

/** Of a writer through one fault, on a machine that has much else to do; seen: none. */
const errorsMax = 2;

/** What the store promises while members die, hang, and are cut off; however they are run. */
export function describeStoreOnMembers(startMembers: () => Promise<EtcdMembers>, canCutOff: boolean): void {
  let members: EtcdMembers;
  let store: Backend;
  beforeAll(async () => {
    members = await startMembers();
    store = await openEtcdStore({ endpoints: members.endpoints, clock: systemClock });
  });
  afterAll(async () => {
    await store.close();
    await members.stop();
  });
  afterEach(() => members.whole());

  /** Creates keys one after the other until the signal aborts; answers what was acknowledged and what was not. */
  async function write(prefix: string, until: AbortSignal) {
    const acknowledged = new Map<string, bigint>();
    const unknown: string[] = [];
    const errors: string[] = [];
    let lastMs = performance.now();
    let longestMs = 0;
    for (let i = 0; !until.aborted; i++) {
      const name = key(`${prefix}-${i}`);
      try {
        const result = await store.write(name, Buffer.from(`${i}`), 0n, options);
        if (result.outcome !== 'written') throw new Error(`${name} is there already: a write was repeated`);
        acknowledged.set(name, result.revision);
        longestMs = Math.max(longestMs, performance.now() - lastMs);
        lastMs = performance.now();
      } catch (error) {
        errors.push((error as Error).message);
        expect(error).toMatchObject({ name: 'StorageError' });
        if ((error as { reason?: string }).reason === 'unknownOutcome') unknown.push(name);
      }
    }
    return { acknowledged, unknown, errors, longestMs };
  }

  /** Follows as the watch cache does: after an error from where it was. */
  function follow(after: bigint) {
    const stop = new AbortController();
    const seen: { readonly key: string; readonly revision: bigint }[] = [];
    let reached = after;
    const run = async () => {
      while (!stop.signal.aborted) {
        try {
          for await (const { revision, events } of store.watch(range, reached, stop.signal)) {
            for (const { key, modRevision } of events) seen.push({ key, revision: modRevision });
            reached = revision;
          }
        } catch (error) {
          if (stop.signal.aborted) return;
          expect(error).toMatchObject({ reason: 'unavailable' });
        }
      }
    };
    const running = run();
    return {
      seen,
      reach: (revision: bigint) =>
        eventually('the watch catches up', async () => {
          if (reached < revision) throw new Error(`${reached} of ${revision}`);
        }),
      stop: async () => {
        stop.abort();
        await running;
      },
    };
  }

  async function through(prefix: string, fault: () => Promise<void>) {
    const { revision: before } = await store.get(key('x'), { signal });
    const watch = follow(before);
    const writing = new AbortController();
    const written = write(prefix, writing.signal);
    await fault();
    writing.abort();
    const { acknowledged, unknown, errors, longestMs } = await written;
    const { entries, revision } = await store.list(range, { limit: 0, signal });
    await watch.reach(revision);
    await watch.stop();
    process.stderr.write(
      `${prefix}: ${acknowledged.size} acknowledged, ${unknown.length} unknown, ${errors.length} errors, longest wait ${Math.round(longestMs)} ms\n`,
    );
    // Those that wait are carried out in the end: an error means that the others took longer to agree than anybody waits.
    expect(errors.length).toBeLessThanOrEqual(errorsMax);
    const stored = new Map(entries.map((entry) => [entry.key, entry.modRevision]));
    for (const [name, at] of acknowledged) expect([name, stored.get(name)]).toEqual([name, at]);
    const revisions = watch.seen.map((event) => event.revision);
    expect(revisions).toEqual(revisions.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(new Set(revisions).size).toBe(revisions.length);
    const ours = entries.filter(({ modRevision }) => modRevision > before);
    expect(watch.seen.map((event) => event.key).toSorted()).toEqual(ours.map((entry) => entry.key).toSorted());
  }

  const some = (count: number, prefix: string) =>
    eventually(`${count} more writes`, async () => {
      const { entries } = await store.list({ from: key(prefix), to: key(`${prefix}~`) }, { limit: 0, signal });
      if (entries.length < count) throw new Error(`${entries.length}`);
      return entries.length;
    });

  it('goes on when the members are killed in turn', async () => {
    await through('killed', async () => {
      for (let index = 0; index < memberCount; index++) {
        const count = await some(1, 'killed');
        await members.kill(index);
        await some(count + 20, 'killed');
        await members.start(index);
        await members.whole();
      }
    });
  });

  it('goes on when the members are halted in turn', async () => {
    await through('halted', async () => {
      for (let index = 0; index < memberCount; index++) {
        const count = await some(1, 'halted');
        await members.halt(index);
        await some(count + 20, 'halted');
        await members.resume(index);
        await members.whole();
      }
    });
  });

  /** The fault happens to whoever leads, and is made good when twenty writes have been acknowledged in spite of it. */
  async function toLeader(
    prefix: string,
    begin: (index: number) => Promise<void>,
    end: (index: number) => Promise<void>,
  ) {
    await through(prefix, async () => {
      const count = await some(1, prefix);
      const leader = await members.leader();
      await begin(leader);
      await some(count + 20, prefix);
      await end(leader);
      await members.whole();
    });
  }

  it('goes on when the leader is killed', () =>
    toLeader(
      'leader-killed',
      (index) => members.kill(index),
      (index) => members.start(index),
    ));

  it('goes on when the leader is halted', () =>
    toLeader(
      'leader-halted',
      (index) => members.halt(index),
      (index) => members.resume(index),
    ));

  it('goes on when the lead is given away', () =>
    toLeader(
      'lead-moved',
      (index) => members.lead((index + 1) % memberCount),
      async () => {},
    ));

  if (canCutOff) {
    it('goes on when the leader is cut off', () =>
      toLeader(
        'leader-cut-off',
        (index) => members.cutOff?.(index) ?? fail(),
        (index) => members.join?.(index) ?? fail(),
      ));
  }
}

function fail(): never {
  throw new Error('these members cannot be cut off');
}

import fc from 'fast-check';
import { formatAddress, parseAddress } from '../../spec/ip-address.ts';
import { allocate } from './allocator.ts';
import { releaseAllBut } from './host-local.ts';
import { createMemoryStore } from './memory-store.ts';
import { parseRangeSets } from './ranges.ts';

const smallSets = parseRangeSets({ ranges: [[{ subnet: '10.0.0.0/29' }], [{ subnet: 'fd00::/120' }]] });
const attachment = (id: number) => ({ containerID: `c${id}`, ifname: 'eth0' });

type Operation = { readonly add: number } | { readonly remove: number };

describe('host-local allocator', () => {
  it('never gives an address twice, and finds every free one', async () => {
    const operation: fc.Arbitrary<Operation> = fc.oneof(
      fc.record({ add: fc.nat(9) }),
      fc.record({ remove: fc.nat(9) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
        const store = createMemoryStore();
        const model = new Map<number, readonly string[]>();
        for (const each of operations) {
          if ('remove' in each) {
            await store.release(attachment(each.remove));
            model.delete(each.remove);
            continue;
          }
          const outcome = await allocate(store, smallSets, attachment(each.add), []).catch(() => undefined);
          const hasRoom = model.size < 5;
          expect(outcome !== undefined).toBe(hasRoom && !model.has(each.add));
          if (outcome)
            model.set(
              each.add,
              outcome.map(({ address }) => formatAddress(address)),
            );
        }
        const given = [...model.values()].flat();
        expect(new Set(given).size).toBe(given.length);
        expect(new Set(await store.held())).toEqual(new Set(given));
      }),
      { numRuns: 60 },
    );
  });

  it('gives different addresses to attachments that come at once', async () => {
    const store = createMemoryStore();
    const all = await Promise.all([1, 2, 3, 4, 5].map((id) => allocate(store, smallSets, attachment(id), [])));
    expect(new Set(all.flat().map(({ address }) => formatAddress(address))).size).toBe(10);
    await expect(allocate(store, smallSets, attachment(6), [])).rejects.toThrow('no IP addresses available');
  });

  it('takes requested addresses, each in its own set', async () => {
    const store = createMemoryStore();
    const wish = [parseAddress('fd00::42'), parseAddress('10.0.0.5')];
    const got = await allocate(store, smallSets, attachment(1), wish);
    expect(got.map(({ address }) => formatAddress(address))).toEqual(['10.0.0.5', 'fd00::42']);
    await expect(allocate(store, smallSets, attachment(2), wish)).rejects.toThrow('not available');
    await expect(allocate(store, smallSets, attachment(3), [parseAddress('10.9.9.9')])).rejects.toThrow('in no range');
    await expect(allocate(store, smallSets, attachment(4), [parseAddress('10.0.0.1')])).rejects.toThrow('gateway');
    expect(await store.attachments()).toEqual([attachment(1)]);
  });

  it('lets a freed address rest', async () => {
    const store = createMemoryStore();
    await allocate(store, smallSets, attachment(1), []);
    await store.release(attachment(1));
    const [next] = await allocate(store, smallSets, attachment(2), []);
    expect(next && formatAddress(next.address)).toBe('10.0.0.3');
  });

  it('frees what no valid attachment holds', async () => {
    const store = createMemoryStore();
    for (const id of [1, 2, 3]) await allocate(store, smallSets, attachment(id), []);
    await releaseAllBut(store, [attachment(2)]);
    expect(await store.attachments()).toEqual([attachment(2)]);
  });
});

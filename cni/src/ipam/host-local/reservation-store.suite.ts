import type { ReservationStore } from './reservation-store.ts';

const one = { containerID: 'one', ifname: 'eth0' };
const two = { containerID: 'two', ifname: 'eth0' };

/** What every store of reservations must do. */
export function describeReservationStore(name: string, create: () => Promise<ReservationStore>): void {
  describe(`reservation store, ${name}`, () => {
    it('gives an address to one attachment only', async () => {
      const store = await create();
      await Promise.all([store.open(one), store.open(two)]);
      const won = await Promise.all([store.reserve(one, '10.0.0.2'), store.reserve(two, '10.0.0.2')]);
      expect(won.toSorted()).toEqual([false, true]);
      expect([...(await store.addressesOf(one)), ...(await store.addressesOf(two))]).toEqual(['10.0.0.2']);
    });

    it('opens an attachment once', async () => {
      const store = await create();
      expect(await store.open(one)).toBe(true);
      expect(await store.open(one)).toBe(false);
      expect(await store.open({ ...one, ifname: 'net1' })).toBe(true);
    });

    it('releases all that an attachment holds, and nothing else', async () => {
      const store = await create();
      await store.open(one);
      await store.open(two);
      await store.reserve(one, '10.0.0.2');
      await store.reserve(one, 'fd00::2');
      await store.reserve(two, '10.0.0.3');
      await store.reserve(one, '10.0.0.3');
      expect(await store.addressesOf(one)).toEqual(['10.0.0.2', 'fd00::2']);
      await store.release(one);
      await store.release(one);
      expect(await store.addressesOf(one)).toEqual([]);
      expect(await store.addressesOf(two)).toEqual(['10.0.0.3']);
      expect(await store.attachments()).toEqual([two]);
      expect(await store.open(one)).toBe(true);
      expect(await store.reserve(one, 'fd00::2')).toBe(true);
    });

    it('knows what is held and what was given last', async () => {
      const store = await create();
      expect([...(await store.held())]).not.toContain('10.0.0.2');
      expect(await store.lastReserved(0)).toBeUndefined();
      await store.open(one);
      await store.reserve(one, '10.0.0.2');
      await store.setLastReserved(0, '10.0.0.2');
      expect([...(await store.held())]).toContain('10.0.0.2');
      expect(await store.lastReserved(0)).toBe('10.0.0.2');
      expect(await store.lastReserved(1)).toBeUndefined();
    });
  });
}

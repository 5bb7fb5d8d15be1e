import type { Attachment } from '../../spec/types.ts';
import type { ReservationStore } from './reservation-store.ts';

/** For tests of what stands above the store; passes the same suite as the disk store. */
export function createMemoryStore(): ReservationStore {
  const holders = new Map<string, string>();
  const open = new Map<string, Attachment>();
  const last = new Map<number, string>();
  const keyOf = (attachment: Attachment) => `${attachment.containerID}:${attachment.ifname}`;
  const of = (attachment: Attachment) =>
    [...holders].filter(([, holder]) => holder === keyOf(attachment)).map(([address]) => address);
  return {
    async open(attachment) {
      if (open.has(keyOf(attachment))) return false;
      open.set(keyOf(attachment), attachment);
      return true;
    },
    async reserve(attachment, address) {
      if (holders.has(address)) return false;
      holders.set(address, keyOf(attachment));
      return true;
    },
    addressesOf: async (attachment) => of(attachment),
    async release(attachment) {
      for (const address of of(attachment)) holders.delete(address);
      open.delete(keyOf(attachment));
    },
    attachments: async () => [...open.values()],
    held: async () => new Set(holders.keys()),
    lastReserved: async (rangeSet) => last.get(rangeSet),
    setLastReserved: async (rangeSet, address) => void last.set(rangeSet, address),
  };
}

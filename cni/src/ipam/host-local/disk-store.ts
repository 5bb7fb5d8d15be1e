import { appendFile, link, mkdir, readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import type { Attachment } from '../../spec/types.ts';
import type { ReservationStore } from './reservation-store.ts';

/**
 * The file system as the store. Layout of one network's folder:
 *
 *     attachments/CONTAINERID:IFNAME   lines: container id, interface name, then each address that was tried
 *     10.64.0.5                        hard link to its attachment's file; that it exists is the reservation
 *     last_reserved_ip.0               the address given last from range set 0
 *
 * Making a file exclusively, and linking, are atomic, so no lock is needed, and no crash can leave an address that nobody
 * can trace: an address is written into the attachment's file before it is linked. Release unlinks the addresses that
 * are links to this very file, the file itself last. Nothing is synced: what the reservations protect, the network namespaces, does not outlast the machine either.
 */
export function createDiskStore(directory: string): ReservationStore {
  const attachmentsDirectory = join(directory, 'attachments');
  const fileOf = (attachment: Attachment) =>
    join(attachmentsDirectory, `${attachment.containerID}:${attachment.ifname}`);

  const addressesOf = async (attachment: Attachment) => {
    const file = fileOf(attachment);
    const tried = (await readLines(file)).slice(2);
    const inode = await inodeOf(file);
    const owned = await Promise.all(tried.map(async (address) => (await inodeOf(join(directory, address))) === inode));
    return tried.filter((_, i) => owned[i]);
  };

  return {
    addressesOf,
    async open(attachment) {
      await mkdir(attachmentsDirectory, { recursive: true });
      return succeedsUnless('EEXIST', () =>
        writeFile(fileOf(attachment), `${attachment.containerID}\n${attachment.ifname}\n`, { flag: 'wx' }),
      );
    },
    async reserve(attachment, address) {
      await appendFile(fileOf(attachment), `${address}\n`);
      return succeedsUnless('EEXIST', () => link(fileOf(attachment), join(directory, address)));
    },
    async release(attachment) {
      for (const address of await addressesOf(attachment)) await remove(join(directory, address));
      await remove(fileOf(attachment));
    },
    async attachments() {
      return (await entries(attachmentsDirectory)).map((name) => {
        const at = name.lastIndexOf(':');
        return { containerID: name.slice(0, at), ifname: name.slice(at + 1) };
      });
    },
    held: async () => new Set(await entries(directory)),
    async lastReserved(rangeSet) {
      return (await readLines(join(directory, `last_reserved_ip.${rangeSet}`)))[0];
    },
    async setLastReserved(rangeSet, address) {
      // A torn write is harmless: an address that is not in the range starts from its beginning.
      await writeFile(join(directory, `last_reserved_ip.${rangeSet}`), address);
    },
  };
}

async function readLines(path: string): Promise<string[]> {
  try {
    return (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function entries(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function remove(path: string): Promise<void> {
  await succeedsUnless('ENOENT', () => unlink(path));
}

async function succeedsUnless(errno: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (errnoOf(error) === errno) return false;
    throw error;
  }
}

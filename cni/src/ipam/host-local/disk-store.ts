import {
  appendFileSync,
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
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
 * are links to this very file, the file itself last.
 *
 * Nothing is synced: what the reservations protect, the network namespaces, does not outlast the machine either. The calls
 * block, as each takes microseconds on a local disk; a pod's start would wait ten times that for a thread pool.
 */
export function createDiskStore(directory: string): ReservationStore {
  const attachmentsDirectory = join(directory, 'attachments');
  const fileOf = (attachment: Attachment) =>
    join(attachmentsDirectory, `${attachment.containerID}:${attachment.ifname}`);

  const addressesOf = (attachment: Attachment) => {
    const file = fileOf(attachment);
    const tried = readLines(file).slice(2);
    const inode = inodeOf(file);
    return tried.filter((address) => inodeOf(join(directory, address)) === inode);
  };

  return {
    addressesOf: async (attachment) => addressesOf(attachment),
    async open(attachment) {
      mkdirSync(attachmentsDirectory, { recursive: true });
      return succeedsUnless('EEXIST', () =>
        writeFileSync(fileOf(attachment), `${attachment.containerID}\n${attachment.ifname}\n`, { flag: 'wx' }),
      );
    },
    async reserve(attachment, address) {
      appendFileSync(fileOf(attachment), `${address}\n`);
      return succeedsUnless('EEXIST', () => linkSync(fileOf(attachment), join(directory, address)));
    },
    async release(attachment) {
      for (const address of addressesOf(attachment)) remove(join(directory, address));
      remove(fileOf(attachment));
    },
    async attachments() {
      return entries(attachmentsDirectory).map((name) => {
        const at = name.lastIndexOf(':');
        return { containerID: name.slice(0, at), ifname: name.slice(at + 1) };
      });
    },
    held: async () => new Set(entries(directory)),
    async lastReserved(rangeSet) {
      return readLines(join(directory, `last_reserved_ip.${rangeSet}`))[0];
    },
    async setLastReserved(rangeSet, address) {
      // A torn write is harmless: an address that is not in the range starts from its beginning.
      rewrite(join(directory, `last_reserved_ip.${rangeSet}`), address);
    },
  };
}

/** Without emptying the file first, after which ext4 writes it to the disk at once: 0.8 ms instead of 0.01. */
function rewrite(path: string, text: string): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o644);
  try {
    writeSync(file, text, 0);
    ftruncateSync(file, Buffer.byteLength(text));
  } finally {
    closeSync(file);
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function inodeOf(path: string): bigint | undefined {
  try {
    return statSync(path, { bigint: true }).ino;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function remove(path: string): void {
  succeedsUnless('ENOENT', () => unlinkSync(path));
}

function succeedsUnless(errno: string, work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (errnoOf(error) === errno) return false;
    throw error;
  }
}

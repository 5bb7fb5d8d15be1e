/** A backup of either store into a file, and back into either store. */
import type { Clock } from '@slipway/kit/clock';
import type { Dump, Restored, RestoreOptions } from './backup/dump.ts';
import { openBackup } from './backup/read-backup.ts';
import { writeBackup, type WrittenBackup } from './backup/write-backup.ts';
import { dumpEmbedded, restoreEmbedded } from './embedded/embedded-backup.ts';
import type { EtcdClientOptions } from './etcd/etcd-client.ts';

export type StorePlace = { readonly directory: string } | { readonly etcd: EtcdClientOptions };

/** Throws `StorageError`; a file that was there is then as it was. */
export async function backupStore(
  place: StorePlace,
  file: string,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<WrittenBackup> {
  const dump = await openDump(place, clock, signal);
  try {
    return await writeBackup(file, dump, signal);
  } finally {
    await dump.close();
  }
}

async function openDump(place: StorePlace, clock: Clock, signal: AbortSignal): Promise<Dump> {
  if ('directory' in place) return dumpEmbedded(place.directory, clock.nowMs());
  const { dumpEtcd } = await import('./etcd/etcd-backup.ts');
  return dumpEtcd({ ...place.etcd, clock }, signal);
}

/** The whole file is checked first. Throws `StorageError` 'corrupt', 'notEmpty' or 'locked' with the store as it was. */
export async function restoreStore(
  place: StorePlace,
  file: string,
  { clock, ...options }: RestoreOptions & { readonly clock: Clock },
): Promise<Restored & { readonly entries: number }> {
  const backup = await openBackup(file, options.signal);
  try {
    const restored =
      'directory' in place
        ? await restoreEmbedded(place.directory, backup, options)
        : await (await import('./etcd/etcd-backup.ts')).restoreEtcd({ ...place.etcd, clock }, backup, options);
    return { ...restored, entries: backup.places.count };
  } finally {
    await backup.close();
  }
}

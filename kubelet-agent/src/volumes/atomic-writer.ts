/**
 * Files that change all at once, as upstream lays them out, so that a reader never sees half of an update:
 *
 *   DIR/..2026_01_02_03_04_05.123/a/b     the files of one version
 *   DIR/..data -> ..2026_01_02_...        swapped by one rename
 *   DIR/a -> ..data/a                     what the container sees; made once
 */
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';

export interface PayloadFile {
  readonly data: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
  readonly uid?: number | undefined;
}

/** By path relative to the volume; no part of it is `..`. */
export type Payload = ReadonlyMap<string, PayloadFile>;

export interface AtomicWriteOptions {
  readonly directory: string;
  readonly payload: Payload;
  /** Group that owns everything, with the rights that the owner has to read. */
  readonly fsGroup?: number | undefined;
  /** Name of the new version's directory, without the leading dots. */
  readonly version: string;
}

const dataLink = '..data';

/** Brings the directory to the payload; false when it already was there. The directory exists. */
export async function atomicWrite({ directory, payload, fsGroup, version }: AtomicWriteOptions): Promise<boolean> {
  const current = await currentVersion(directory);
  if (current !== undefined && (await isSame(join(directory, current), payload, fsGroup))) return false;
  const next = `..${version}`;
  await writeVersion(join(directory, next), payload, fsGroup);
  const temporary = join(directory, '..data_tmp');
  await rm(temporary, { force: true });
  await symlink(next, temporary);
  await rename(temporary, join(directory, dataLink));
  await showFiles(directory, payload);
  if (current !== undefined) await rm(join(directory, current), { recursive: true, force: true });
  return true;
}

async function currentVersion(directory: string): Promise<string | undefined> {
  try {
    return await readlink(join(directory, dataLink));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function isSame(directory: string, payload: Payload, fsGroup: number | undefined): Promise<boolean> {
  const present = await filesBelow(directory, '');
  if (present.length !== payload.size) return false;
  for (const [path, { data, mode }] of payload) {
    if (!present.includes(path)) return false;
    const [content, stat] = await Promise.all([readFile(join(directory, path)), lstat(join(directory, path))]);
    if (!content.equals(data) || (stat.mode & 0o777) !== groupReadable(mode, fsGroup)) return false;
  }
  return true;
}

async function filesBelow(directory: string, prefix: string): Promise<string[]> {
  const entries = await readdir(join(directory, prefix), { withFileTypes: true }).catch(() => []);
  const nested = entries.map((entry) => {
    const path = prefix ? `${prefix}/${entry.name}` : entry.name;
    return entry.isDirectory() ? filesBelow(directory, path) : [path];
  });
  return (await Promise.all(nested)).flat();
}

async function writeVersion(directory: string, payload: Payload, fsGroup: number | undefined): Promise<void> {
  const directories = new Set<string>([directory]);
  for (const path of payload.keys()) {
    for (let part = dirname(path); part !== '.'; part = dirname(part)) directories.add(join(directory, part));
  }
  for (const path of [...directories].sort()) {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o755);
    if (fsGroup !== undefined) await chown(path, -1, fsGroup);
  }
  await Promise.all(
    [...payload].map(async ([path, { data, mode, uid }]) => {
      const file = join(directory, path);
      await writeFile(file, data, { mode: 0o600 });
      if (fsGroup !== undefined || uid !== undefined) await chown(file, uid ?? -1, fsGroup ?? -1);
      await chmod(file, groupReadable(mode, fsGroup));
    }),
  );
}

function groupReadable(mode: number, fsGroup: number | undefined): number {
  return fsGroup === undefined ? mode : mode | 0o440;
}

/** Links for the first parts of all paths; links to what is no longer there go. */
async function showFiles(directory: string, payload: Payload): Promise<void> {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/', 1)[0] ?? path));
  for (const name of await readdir(directory)) {
    if (name.startsWith('..')) continue;
    if (!wanted.delete(name)) await unlink(join(directory, name));
  }
  for (const name of wanted) await symlink(`${dataLink}/${name}`, join(directory, name));
}

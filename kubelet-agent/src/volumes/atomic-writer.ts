/**
 * Files that change all at once, as upstream lays them out, so that a reader never sees half of an update:
 *
 *   DIR/..2026_01_02_03_04_05.123/a/b     the files of one version
 *   DIR/..data -> ..2026_01_02_...        swapped by one rename
 *   DIR/a -> ..data/a                     what the container sees; made once
 *
 * The calls block: they are some twenty for a pod's token and take microseconds each, mostly on a tmpfs, where the
 * thread pool would take a millisecond for each.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
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
export function atomicWrite({ directory, payload, fsGroup, version }: AtomicWriteOptions): boolean {
  const current = currentVersion(directory);
  if (current !== undefined && isSame(join(directory, current), payload, fsGroup)) return false;
  const next = `..${version}`;
  writeVersion(join(directory, next), payload, fsGroup);
  const temporary = join(directory, '..data_tmp');
  rmSync(temporary, { force: true });
  symlinkSync(next, temporary);
  renameSync(temporary, join(directory, dataLink));
  showFiles(directory, payload);
  if (current !== undefined) rmSync(join(directory, current), { recursive: true, force: true });
  return true;
}

function currentVersion(directory: string): string | undefined {
  try {
    return readlinkSync(join(directory, dataLink));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isSame(directory: string, payload: Payload, fsGroup: number | undefined): boolean {
  const present = filesBelow(directory, '');
  if (present.length !== payload.size) return false;
  for (const [path, { data, mode }] of payload) {
    if (!present.includes(path)) return false;
    const file = join(directory, path);
    if (!readFileSync(file).equals(data) || (lstatSync(file).mode & 0o777) !== groupReadable(mode, fsGroup))
      return false;
  }
  return true;
}

function filesBelow(directory: string, prefix: string): string[] {
  if (!existsSync(join(directory, prefix))) return [];
  return readdirSync(join(directory, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = prefix ? `${prefix}/${entry.name}` : entry.name;
    return entry.isDirectory() ? filesBelow(directory, path) : [path];
  });
}

function writeVersion(directory: string, payload: Payload, fsGroup: number | undefined): void {
  const directories = new Set<string>([directory]);
  for (const path of payload.keys()) {
    for (let part = dirname(path); part !== '.'; part = dirname(part)) directories.add(join(directory, part));
  }
  for (const path of [...directories].sort()) {
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o755);
    if (fsGroup !== undefined) chownSync(path, -1, fsGroup);
  }
  for (const [path, { data, mode, uid }] of payload) {
    const file = join(directory, path);
    writeFileSync(file, data, { mode: 0o600 });
    if (fsGroup !== undefined || uid !== undefined) chownSync(file, uid ?? -1, fsGroup ?? -1);
    chmodSync(file, groupReadable(mode, fsGroup));
  }
}

function groupReadable(mode: number, fsGroup: number | undefined): number {
  return fsGroup === undefined ? mode : mode | 0o440;
}

/** Links for the first parts of all paths; links to what is no longer there go. */
function showFiles(directory: string, payload: Payload): void {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/', 1)[0] ?? path));
  for (const name of readdirSync(directory)) {
    if (name.startsWith('..')) continue;
    if (!wanted.delete(name)) unlinkSync(join(directory, name));
  }
  for (const name of wanted) symlinkSync(`${dataLink}/${name}`, join(directory, name));
}

/**
 * subPath without escapes. A container can put symbolic links into its volume, also while we look. So each part of the
 * path is opened without following links, from the directory that is open already; links are resolved here and must
 * stay inside. What is mounted at the end is the open file itself by its descriptor, never a path that somebody could
 * change in between.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import type { Mounter } from './mounter.ts';
import { VolumeError } from './volume-plugin.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
/** Node has no name for it: open for naming only, so that devices and unreadable files can be mounted too. */
const O_PATH = 0o10000000;

export interface SubPathRequest {
  /** Root of the volume on the host. */
  readonly root: string;
  /** Relative, already expanded. */
  readonly subPath: string;
  /** Where the part is to appear; made as a file or a directory. */
  readonly target: string;
  readonly mounter: Mounter;
  /** A read-only volume cannot grow the missing directory. */
  readonly create: boolean;
}

/** Mounts the part of a volume at `target`, once. A missing part is made as a directory. */
export async function mountSubPath({ root, subPath, target, mounter, create }: SubPathRequest): Promise<void> {
  if (await mounter.isMounted(target)) return;
  const found = await openInside(root, subPath, create);
  try {
    const path = `/proc/self/fd/${found.fd}`;
    if ((await stat(path)).isDirectory()) await mkdir(target, { recursive: true });
    else {
      await mkdir(join(target, '..'), { recursive: true });
      await writeFile(target, '', { flag: 'a' });
    }
    mounter.bindMount(path, target);
  } finally {
    await found.close();
  }
}

/** Links that are followed before it counts as a loop; the kernel's own bound. */
const linksMax = 40;

/** Follows links only as far as they stay in the volume: config maps show their files by links. */
async function openInside(root: string, subPath: string, create: boolean): Promise<FileHandle> {
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) {
    throw new VolumeError(`subPath "${subPath}" must be a relative path without '..'`);
  }
  let parts = normalized(subPath.split('/'), subPath);
  for (let links = 0; links <= linksMax; links++) {
    const found = await walk(root, parts, create);
    if ('handle' in found) return found.handle;
    const rest = parts.slice(found.linkAt + 1);
    if (found.target.startsWith('/')) throw leaves(subPath);
    parts = normalized([...parts.slice(0, found.linkAt), ...found.target.split('/'), ...rest], subPath);
  }
  throw new VolumeError(`subPath "${subPath}" has too many levels of symbolic links`);
}

/** Without `.` and `..`. Everything before a `..` is known to be no link, so that taking parts off is right. */
function normalized(parts: readonly string[], subPath: string): string[] {
  const result: string[] = [];
  for (const part of parts) {
    if (part === '' || part === '.') continue;
    if (part !== '..') result.push(part);
    else if (result.pop() === undefined) throw leaves(subPath);
  }
  return result;
}

function leaves(subPath: string): VolumeError {
  return new VolumeError(`subPath "${subPath}" leaves the volume by a symbolic link`);
}

type Walk = { readonly handle: FileHandle } | { readonly linkAt: number; readonly target: string };

async function walk(root: string, parts: readonly string[], create: boolean): Promise<Walk> {
  let handle = await open(root, O_PATH | O_DIRECTORY);
  for (const [i, part] of parts.entries()) {
    const parent = handle;
    try {
      const path = `/proc/self/fd/${parent.fd}/${part}`;
      handle = await openPart(path, create);
      if (!(await handle.stat()).isSymbolicLink()) continue;
      await handle.close();
      return { linkAt: i, target: await readlink(path) };
    } finally {
      await parent.close();
    }
  }
  return { handle };
}

async function openPart(path: string, create: boolean): Promise<FileHandle> {
  const flags = O_PATH | O_NOFOLLOW | O_RDONLY;
  try {
    return await open(path, flags);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || !create) throw error;
    await mkdir(path, { mode: 0o750 });
    return await open(path, flags);
  }
}

import { constants } from 'node:fs';
import { lstat, open, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';

const linksMax = 40;
/** A user database of an image; larger ones are nonsense or an attack. */
const fileBytesMax = 4 * 1024 * 1024;

/**
 * Reads a small file of an image. Links are followed as they would be inside the container, never out of it, and what is
 * not a plain file counts as missing.
 */
export async function readFileInRootfs(rootfs: string, path: string): Promise<string> {
  const inside = await resolveInRootfs(rootfs, path);
  if (inside === undefined) return '';
  const file = await open(join(rootfs, inside), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat();
    if (size > fileBytesMax) return '';
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** Path of a plain file with all links resolved against the root; undefined when there is none. */
async function resolveInRootfs(rootfs: string, path: string): Promise<string | undefined> {
  let todo = posix.normalize(`/${path}`).split('/').filter(Boolean);
  let done = '/';
  for (let links = 0; todo.length > 0; ) {
    const [part = '', ...rest] = todo;
    todo = rest;
    const next = posix.join(done, part); // '..' stops at the root, as chroot does
    const found = await lstat(join(rootfs, next)).catch(() => undefined);
    if (!found) return undefined;
    if (found.isSymbolicLink()) {
      if (++links > linksMax) return undefined;
      const target = await readlink(join(rootfs, next));
      if (target.startsWith('/')) done = '/';
      todo = [...target.split('/').filter(Boolean), ...todo];
    } else {
      if (todo.length === 0 && !found.isFile()) return undefined;
      done = next;
    }
  }
  return done;
}

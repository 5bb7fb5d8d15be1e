import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What a directory takes on disk, as `du` counts: a file with several names once. */
export async function measureDirectory(path: string): Promise<{ usedBytes: number; inodesUsed: number }> {
  const seen = new Set<number>();
  let usedBytes = 0;
  const visit = async (at: string): Promise<void> => {
    const found = await lstat(at).catch(() => undefined); // it may go while we look
    if (!found || seen.has(found.ino)) return;
    seen.add(found.ino);
    usedBytes += found.blocks * 512;
    if (!found.isDirectory()) return;
    for (const name of await readdir(at).catch(() => [])) await visit(join(at, name));
  };
  await visit(path);
  return { usedBytes, inodesUsed: seen.size };
}

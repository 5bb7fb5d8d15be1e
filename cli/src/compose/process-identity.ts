import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import type { Random } from '@slipway/kit/random';

/**
 * The name of a role's process in leader elections. It lasts with the data directory, on which a role runs once at a time: a process that
 * was killed and begins again finds its own lease and need not wait until it runs out.
 */
export async function processIdentity(dataDir: string, role: string, random: Random): Promise<string> {
  const path = join(dataDir, 'identity');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  try {
    await writeFile(path, random.uuid(), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  return `${hostname()}_${(await readFile(path, 'utf8')).trim()}_${role}`;
}

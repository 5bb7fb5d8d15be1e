import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { CommandError } from './usage-error.ts';

/** Makes the data directory if it is not there. Throws `CommandError` when this user cannot write in it. */
export async function ensureDataDirectory(path: string): Promise<void> {
  try {
    await makeWithParents(path);
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new CommandError(`cannot write to data directory ${path}: ${messageOf(error)}; choose another --data-dir`);
  }
}

/** Node's own recursive mkdir never ends where a directory cannot be made and its parent is there, as below /proc. */
async function makeWithParents(path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined))?.isDirectory()) return;
  if (dirname(path) !== path) await makeWithParents(dirname(path));
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  }
}

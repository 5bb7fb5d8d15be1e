import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** Where Debian keeps programs of the system, which a plain user's PATH leaves out. */
const systemFolders = ['/usr/sbin', '/sbin', '/usr/local/sbin'];

/** The PATH with the system's folders behind it. */
export const searchPath = [process.env.PATH ?? '', ...systemFolders].join(delimiter);

/** The path of an executable by name or path, or undefined. */
export async function findProgram(name: string): Promise<string | undefined> {
  const candidates =
    isAbsolute(name) || name.includes('/') ? [name] : searchPath.split(delimiter).map((folder) => join(folder, name));
  for (const candidate of candidates) {
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  return undefined;
}

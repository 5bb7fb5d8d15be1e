import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';

/** Only the owner may read keys; certificates are kept the same way, so that nobody has to think about which is which. */
const secretMode = 0o600;
const secretDirectoryMode = 0o700;

/** The text of the file, or undefined when there is none. */
export async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces the file as a whole: after a crash there is the old content or the new one, never a part. */
export async function writeSecretFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: secretDirectoryMode });
  const draft = `${path}.new`;
  const file = await open(draft, 'w', secretMode);
  try {
    await file.writeFile(content);
    await file.chmod(secretMode);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

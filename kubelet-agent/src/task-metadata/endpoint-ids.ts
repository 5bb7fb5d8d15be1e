import { createHmac } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import type { Random } from '@slipway/kit/random';

const keyBytes = 32;
const idDigits = 32;

/**
 * IDs that nobody guesses: in the host's network they are all that tells one pod's containers from another's. They are computed from a key
 * that is kept on disk, so a container has the same one after a restart of the agent, or of itself.
 */
export class EndpointIds {
  readonly #key: Buffer;

  private constructor(key: Buffer) {
    this.#key = key;
  }

  /** Makes the key at the first start. */
  static async open(path: string, random: Random): Promise<EndpointIds> {
    const known = await readFile(path).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (known?.length === keyBytes) return new EndpointIds(known);
    const key = random.bytes(keyBytes);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.new`, key, { mode: 0o600 });
    await rename(`${path}.new`, path);
    return new EndpointIds(key);
  }

  idOf(podUid: string, container: string): string {
    return createHmac('sha256', this.#key).update(`${podUid}/${container}`).digest('hex').slice(0, idDigits);
  }
}

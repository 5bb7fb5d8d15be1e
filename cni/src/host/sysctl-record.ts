import { readlinkSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';

/**
 * Remembers kernel settings of the machine that somebody needed changed, and who still needs them. Several clusters on
 * one machine share the record, so that the first one to go does not take forwarding away from the others. It lives on a
 * tmpfs, because settings do not outlast a reboot either, in a folder per network namespace, because they are its settings:
 *
 *     ROOT/net.ipv4.ip_forward/original       the value before the first of us
 *     ROOT/net.ipv4.ip_forward/holder-ID      one empty file per cluster
 */
export interface SysctlRecord {
  /** Notes that we need `name` changed and, when nobody did before, the value to go back to. Before the change. */
  hold(name: string, valueBefore: string): Promise<void>;
  /** Gives all names up. `restore` is called with those that nobody holds any more, before they are forgotten. */
  releaseAll(restore: (name: string, original: string) => Promise<void>): Promise<void>;
}

const runDirectory = '/run/slipway';

/** The folder for the network namespace that this process is in. */
export function sysctlRecordRoot(): string {
  const namespace = readlinkSync('/proc/self/ns/net').replace(/\D/g, '');
  return join(runDirectory, `sysctl-${namespace}`);
}

export function createSysctlRecord(holderId: string, root: string = sysctlRecordRoot()): SysctlRecord {
  const holder = `holder-${holderId}`;
  return {
    async hold(name, valueBefore) {
      const directory = join(root, name.replaceAll('/', '.'));
      await mkdir(directory, { recursive: true });
      await createOnce(join(directory, 'original'), valueBefore);
      await createOnce(join(directory, holder), '');
    },
    async releaseAll(restore) {
      for (const name of await entries(root)) {
        const directory = join(root, name);
        const files = await entries(directory);
        if (!files.includes(holder)) continue;
        if (!files.some((file) => file.startsWith('holder-') && file !== holder)) {
          await restore(name, await readFile(join(directory, 'original'), 'utf8'));
          await rm(directory, { recursive: true, force: true });
        } else await rm(join(directory, holder), { force: true });
      }
      // Others still hold something, or it was never made.
      await rmdir(root).catch(() => {});
      if (dirname(root) === runDirectory) await rmdir(runDirectory).catch(() => {});
    },
  };
}

async function createOnce(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx' });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function entries(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

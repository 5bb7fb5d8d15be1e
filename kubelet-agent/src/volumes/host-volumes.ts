/** The volumes that are directories of this machine: emptyDir and hostPath. */
import { chmod, chown, mkdir, open, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseQuantity, quantityValue } from '@slipway/api/quantity';
import type { Pod, Volume } from '@slipway/api/types';
import { errnoOf } from '@slipway/kit/errors';
import { VolumeError, type VolumePlugin } from './volume-plugin.ts';

const emptyDirMode = 0o777;

export const emptyDirVolume: VolumePlugin = {
  name: 'kubernetes.io~empty-dir',
  appliesTo: (volume) => volume.emptyDir !== undefined,
  hostPath: (volume, { layout, pod }) =>
    join(layout.volumesDirectory(pod.metadata.uid ?? ''), 'kubernetes.io~empty-dir', volume.name),
  setUp: async (volume, context) => {
    const directory = emptyDirVolume.hostPath(volume, context);
    const medium = volume.emptyDir?.medium ?? '';
    if (medium.startsWith('HugePages'))
      throw new VolumeError(`emptyDir medium ${medium} is not supported on this node`);
    const existed = await makeDirectory(directory);
    if (medium === 'Memory') {
      if (await context.mounter.isMounted(directory)) return;
      context.mounter.mountTmpfs(directory, { mode: emptyDirMode, ...memorySize(volume, context.pod) });
    } else if (existed) return;
    await giveToGroup(directory, context.pod.spec.securityContext?.fsGroup);
  },
};

/** True when it was there. */
async function makeDirectory(directory: string): Promise<boolean> {
  await mkdir(dirname(directory), { recursive: true, mode: 0o750 });
  try {
    await mkdir(directory);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    return true;
  }
  await chmod(directory, emptyDirMode);
  return false;
}

async function giveToGroup(directory: string, fsGroup: number | undefined): Promise<void> {
  if (fsGroup === undefined) return;
  await chown(directory, -1, fsGroup);
  await chmod(directory, 0o2777);
}

/** What a pod may use anyway bounds what it may keep in memory. */
function memorySize(volume: Volume, pod: Pod): { sizeBytes?: number } {
  const own = volume.emptyDir?.sizeLimit;
  const limits = pod.spec.containers.map(({ resources }) => resources?.limits?.memory);
  const bounded = limits.every((limit) => limit !== undefined);
  const ofPod = bounded ? limits.reduce((sum, limit) => sum + Number(valueOfQuantity(limit)), 0) : undefined;
  const sizes = [own === undefined || own === '0' ? undefined : Number(valueOfQuantity(own)), ofPod];
  const known = sizes.filter((size) => size !== undefined);
  return known.length === 0 ? {} : { sizeBytes: Math.min(...known) };
}

function valueOfQuantity(text: string | undefined): bigint {
  return text === undefined ? 0n : quantityValue(parseQuantity(text));
}

/** By hostPath type: what must be there, and in which words upstream says that it is not. */
const hostPathChecks: Readonly<Record<string, { readonly is: (stats: Stats) => boolean; readonly what: string }>> = {
  Directory: { is: (stats) => stats.isDirectory(), what: 'a directory' },
  DirectoryOrCreate: { is: (stats) => stats.isDirectory(), what: 'a directory' },
  File: { is: (stats) => stats.isFile(), what: 'a file' },
  FileOrCreate: { is: (stats) => stats.isFile(), what: 'a file' },
  Socket: { is: (stats) => stats.isSocket(), what: 'a socket file' },
  CharDevice: { is: (stats) => stats.isCharacterDevice(), what: 'a character device' },
  BlockDevice: { is: (stats) => stats.isBlockDevice(), what: 'a block device' },
};

export const hostPathVolume: VolumePlugin = {
  name: 'kubernetes.io~host-path',
  appliesTo: (volume) => volume.hostPath !== undefined,
  hostPath: (volume) => volume.hostPath?.path ?? '/',
  setUp: async (volume) => {
    const { path = '/', type = '' } = volume.hostPath ?? {};
    if (type === '') {
      // As container runtimes do it for upstream: what is not there becomes a directory.
      if (!(await statOf(path))) await mkdir(path, { recursive: true, mode: 0o755 });
      return;
    }
    const check = hostPathChecks[type];
    if (!check) throw new VolumeError(`${type} is an invalid volume type`);
    if (!(await statOf(path))) await create(path, type);
    const stats = await statOf(path);
    if (!stats || !check.is(stats)) throw new VolumeError(`hostPath type check failed: ${path} is not ${check.what}`);
  },
};

async function create(path: string, type: string): Promise<void> {
  if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
  if (type === 'FileOrCreate') await (await open(path, 'a', 0o644)).close();
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

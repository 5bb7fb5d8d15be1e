import { chmodSync, constants, mkdirSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import { mount, unmount } from './kernel/mounts.ts';
import type { ContainerPaths } from './runtime-paths.ts';

/** mount(2) takes one page of options, terminator included. */
const mountDataBytesMax = 4095;

/** Mounts an overlay of the layers (the uppermost first) with a fresh writable directory on `paths.rootfs`. */
export async function mountRootfs(paths: ContainerPaths, layers: readonly string[]): Promise<void> {
  for (const path of [paths.upper, paths.work, paths.rootfs]) mkdirSync(path);
  chmodSync(paths.upper, 0o755); // becomes the root directory of the container, whatever our umask is
  const data = overlayData(layers, paths);
  if (data.length <= mountDataBytesMax) {
    mountOverlay(paths.rootfs, data);
    return;
  }
  // Many layers: descriptors of the parent directories make short names.
  const layersDirectory = await open(dirname(layers[0] as string), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const parent = `/proc/self/fd/${layersDirectory.fd}`;
    const short = overlayData(
      layers.map((layer) => `${parent}/${basename(layer)}`),
      paths,
    );
    mountOverlay(paths.rootfs, short);
  } finally {
    await layersDirectory.close();
  }
}

function overlayData(layers: readonly string[], paths: ContainerPaths): string {
  const lower = layers.map(escapeOption).join(':');
  return `lowerdir=${lower},upperdir=${escapeOption(paths.upper)},workdir=${escapeOption(paths.work)}`;
}

const escapeOption = (path: string) => path.replace(/[\\:,]/g, (special) => `\\${special}`);

/**
 * `volatile` spares a sync of the whole disk when the container goes. What a container wrote is not kept over a crash of the
 * machine anyway: it is never started again. Kernels before 5.10 do not know the option.
 */
function mountOverlay(target: string, data: string): void {
  try {
    mount({ source: 'overlay', target, type: 'overlay', data: `${data},volatile` });
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') throw error;
    mount({ source: 'overlay', target, type: 'overlay', data });
  }
}

/** Unmounts whatever is on the root directory and removes all files of the container. Idempotent. */
export async function removeRootfs(paths: ContainerPaths): Promise<void> {
  while (await unmount(paths.rootfs)) {
    // until nothing is mounted there any more
  }
  await rm(paths.directory, { recursive: true, force: true });
}

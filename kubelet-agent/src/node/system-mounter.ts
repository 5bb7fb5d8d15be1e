import { mount, mountFlags, mountPointsBelow, unmount } from '../runtime/local/kernel/mounts.ts';
import type { Mounter } from '../volumes/mounter.ts';

/** Mounts of this machine. */
export const systemMounter: Mounter = {
  mountTmpfs: (target, { sizeBytes, mode }) => {
    const size = sizeBytes === undefined ? '' : `,size=${sizeBytes}`;
    const flags = mountFlags.MS_NOSUID | mountFlags.MS_NODEV;
    mount({ source: 'tmpfs', target, type: 'tmpfs', flags, data: `mode=${mode.toString(8)}${size}` });
  },
  bindMount: (source, target) => mount({ source, target, type: '', flags: mountFlags.MS_BIND | mountFlags.MS_REC }),
  isMounted: async (target) => (await mountPointsBelow(target)).includes(target),
  unmountBelow: async (directory) => {
    for (const point of await mountPointsBelow(directory)) await unmount(point);
    const left = await mountPointsBelow(directory);
    if (left.length > 0) throw new Error(`still mounted below ${directory}: ${left.join(', ')}`);
  },
};

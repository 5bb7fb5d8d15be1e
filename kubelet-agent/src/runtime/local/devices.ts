import { readdir, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { type Device, RuntimeError } from '../cri.ts';
import type { OciDevice } from './spec/oci-spec.ts';

export type PermittedDevice = OciDevice & { readonly permissions: string };

/** Device nodes for a container's configuration; a directory stands for all devices in it. */
export async function resolveDevices(devices: readonly Device[], privileged: boolean): Promise<PermittedDevice[]> {
  const asked = await Promise.all(devices.map(resolveDevice));
  const host = privileged ? await devicesBelow('/dev', '/dev', 'rwm') : [];
  const byPath = new Map([...host, ...asked.flat()].map((device) => [device.path, device]));
  return [...byPath.values()];
}

async function resolveDevice({ hostPath, containerPath, permissions }: Device): Promise<PermittedDevice[]> {
  const found = await stat(hostPath).catch((cause) => {
    throw new RuntimeError('invalidArgument', `device ${hostPath} does not exist`, { cause });
  });
  if (found.isDirectory()) return await devicesBelow(hostPath, containerPath || hostPath, permissions || 'rwm');
  const device = await deviceAt(hostPath, containerPath || hostPath, permissions || 'rwm');
  if (!device) throw new RuntimeError('invalidArgument', `${hostPath} is not a device`);
  return [device];
}

/** File systems of their own below /dev, which every container gets itself. */
const ownDirectories = new Set(['/dev/pts', '/dev/shm', '/dev/mqueue', '/dev/fd']);

async function devicesBelow(hostPath: string, containerPath: string, permissions: string): Promise<PermittedDevice[]> {
  const entries = await readdir(hostPath, { withFileTypes: true }).catch(() => []);
  const found = await Promise.all(
    entries.map(async (entry) => {
      const from = join(hostPath, entry.name);
      const to = posix.join(containerPath, entry.name);
      if (ownDirectories.has(to) || to === '/dev/console') return [];
      if (entry.isDirectory()) return await devicesBelow(from, to, permissions);
      if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
      const device = await deviceAt(from, to, permissions);
      return device ? [device] : [];
    }),
  );
  return found.flat();
}

async function deviceAt(hostPath: string, path: string, permissions: string): Promise<PermittedDevice | undefined> {
  const found = await stat(hostPath).catch(() => undefined);
  if (!found?.isCharacterDevice() && !found?.isBlockDevice()) return undefined;
  return {
    path,
    type: found.isBlockDevice() ? 'b' : 'c',
    major: deviceMajor(found.rdev),
    minor: deviceMinor(found.rdev),
    fileMode: found.mode & 0o7777,
    uid: found.uid,
    gid: found.gid,
    permissions,
  };
}

/** glibc's layout of dev_t: the numbers lie in two parts each. */
export const deviceMajor = (rdev: number): number => Number((BigInt(rdev) >> 8n) & 0xfffn);
export const deviceMinor = (rdev: number): number =>
  Number((BigInt(rdev) & 0xffn) | ((BigInt(rdev) >> 12n) & 0xfff00n));

/** Finds and removes what crashes left behind, and for `slipway down` everything. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { mountPointsBelow, unmount } from './kernel/mounts.ts';
import type { LocalDeps } from './local-deps.ts';
import { isConmonOf, readPidFile } from './process-identity.ts';
import { type ContainerRecord, readRecords, type SandboxRecord } from './records.ts';
import { removeRootfs } from './rootfs.ts';

/** Removes directories of containers that were never finished, and leases of images that nobody holds. */
export async function removeOrphans(deps: LocalDeps, containerIds: ReadonlySet<string>): Promise<void> {
  const { paths, images, log } = deps;
  const directories = await readdir(paths.containers).catch(() => []);
  for (const id of directories.filter((id) => !containerIds.has(id))) {
    log.warn({ container: id }, 'removing what is left of a container');
    await removeRootfs(paths.container(id));
  }
  const exits = await readdir(paths.exits).catch(() => []);
  const unknownExits = exits.filter((id) => !containerIds.has(id) && !id.startsWith('.'));
  await Promise.all(unknownExits.map((id) => rm(paths.exitFile(id), { force: true })));
  const holders = await images.holders();
  for (const holder of holders.filter((id) => !containerIds.has(id))) await images.release(holder);
}

/** Idempotent; needs no OCI runtime, no conmon and no earlier state in memory. Returns what could not be removed. */
export async function removeEverything(deps: LocalDeps, signal: AbortSignal): Promise<string[]> {
  const { paths, cgroups } = deps;
  const failures: string[] = [];
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`${what}: ${messageOf(error)}`);
    }
  };
  const containers = await readRecords<ContainerRecord>(paths.containers);
  const sandboxes = await readRecords<SandboxRecord>(paths.sandboxes);
  await Promise.all(
    containers.map(async ({ id, record }) => {
      if (record) await attempt(`container ${id}`, () => cgroups.remove(record.cgroup, signal));
      await attempt(`conmon of ${id}`, () => killConmon(deps, id));
      await attempt(`image of ${id}`, () => deps.images.release(id));
    }),
  );
  await Promise.all(
    sandboxes.map(({ id, record }) =>
      attempt(`sandbox ${id}`, async () => record && removeSandbox(deps, record, signal)),
    ),
  );
  await attempt('mounts', async () => {
    for (const point of await mountPointsBelow(paths.root)) await unmount(point);
  });
  for (const cgroup of ['/kubepods/burstable', '/kubepods/besteffort', '/kubepods', '/slipway']) {
    await cgroups.removeIfEmpty(cgroup);
  }
  if (failures.length === 0) await attempt(paths.root, () => rm(paths.root, { recursive: true, force: true }));
  return failures;
}

async function removeSandbox(deps: LocalDeps, record: SandboxRecord, signal: AbortSignal): Promise<void> {
  const { linux, metadata, labels, annotations, portMappings } = record.config;
  if (linux.securityContext.namespaceOptions.network === 'POD') {
    const netnsPath = join(deps.paths.sandbox(record.id).namespaces, 'net');
    const request = { sandboxId: record.id, pod: metadata, labels, annotations, netnsPath, portMappings };
    await deps.network.tearDown(request, signal);
  }
  await deps.cgroups.remove(linux.cgroupParent, signal);
}

async function killConmon(deps: LocalDeps, id: string): Promise<void> {
  const pid = await readPidFile(deps.paths.container(id).conmonPidFile);
  if (!(await isConmonOf(pid, id))) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error; // it ended by itself, as its container is gone
  }
}

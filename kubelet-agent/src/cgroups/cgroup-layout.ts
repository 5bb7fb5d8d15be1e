/**
 * How this machine lays out its cgroups: v1 has one tree per controller, v2 one tree for all, hybrid has v1 trees and an
 * empty v2 tree beside them. A cgroup is named by one absolute path (`/kubepods/burstable/podX`), which exists in every tree.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface CgroupLayout {
  readonly version: 'v1' | 'hybrid' | 'v2';
  /** Mount points of all trees, each once. */
  readonly trees: readonly string[];
  /** Mount point of the tree of a controller (`memory`, `cpu`, `cpuacct`, `pids`, ...); in v2 the same for all. */
  treeOf(controller: string): string | undefined;
}

interface CgroupMount {
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

export async function detectCgroupLayout(): Promise<CgroupLayout> {
  return parseCgroupLayout(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** Reads the layout from the text of /proc/self/mountinfo. Throws when no cgroups are mounted. */
export function parseCgroupLayout(mountinfo: string): CgroupLayout {
  const mounts = mountinfo.split('\n').flatMap(parseCgroupMount);
  const v1 = mounts.filter((mount) => mount.type === 'cgroup');
  const v2 = mounts.find((mount) => mount.type === 'cgroup2');
  if (v1.length === 0) {
    if (!v2) throw new Error('no cgroups are mounted on this machine: mount cgroup2 on /sys/fs/cgroup');
    return { version: 'v2', trees: [v2.point], treeOf: () => v2.point };
  }
  const byController = new Map<string, string>();
  for (const { options, point } of v1) {
    for (const option of options) if (!byController.has(option)) byController.set(option, point);
  }
  // The empty v2 tree counts too: OCI runtimes make a cgroup there as well.
  const trees = [...new Set([...v1, ...(v2 ? [v2] : [])].map((mount) => mount.point))];
  return { version: v2 ? 'hybrid' : 'v1', trees, treeOf: (controller) => byController.get(controller) };
}

function parseCgroupMount(line: string): CgroupMount[] {
  const [before, after] = line.split(' - ');
  const point = before?.split(' ')[4];
  const [type, , options] = after?.split(' ') ?? [];
  if (!point || !type?.startsWith('cgroup')) return [];
  return [{ point, type, options: (options ?? '').split(',') }];
}

/** Path of a cgroup's file in the tree of its controller; undefined when the controller is not there. */
export function cgroupFile(layout: CgroupLayout, controller: string, cgroup: string, file: string): string | undefined {
  const tree = layout.treeOf(controller);
  return tree === undefined ? undefined : join(tree, cgroup, file);
}

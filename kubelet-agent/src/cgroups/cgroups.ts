import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@slipway/kit/clock';
import { errnoOf } from '@slipway/kit/errors';
import { cgroupFile, type CgroupLayout } from './cgroup-layout.ts';
import { type CgroupLimits, planCgroupWrites } from './cgroup-limits.ts';

export interface Cgroups {
  readonly layout: CgroupLayout;
  /** Makes a cgroup in all trees and sets its limits. Idempotent: limits that are given replace those that were set. */
  ensure(cgroup: string, limits: CgroupLimits): Promise<void>;
  /** Kills what is inside and removes the cgroup with all below it. Idempotent. */
  remove(cgroup: string, signal: AbortSignal): Promise<void>;
  /** Removes a cgroup if nothing is below it and no process in it. */
  removeIfEmpty(cgroup: string): Promise<void>;
  /** Processes in a cgroup and below it. */
  pids(cgroup: string): Promise<number[]>;
  /** Names of the cgroups directly below one. */
  children(cgroup: string): Promise<string[]>;
  /** How many processes of a cgroup the kernel killed for want of memory. */
  oomKills(cgroup: string): Promise<number>;
}

/** A killed process leaves its cgroup within milliseconds, unless the kernel itself hangs. */
const removeTries = 100;
const removeDelayMs = 10;

/**
 * Making, listing and removing cgroups blocks: in v1 that is some fifty calls per pod of a few microseconds each, which
 * the thread pool would make ten times as expensive. Limits are written off the main thread, as the kernel may have to
 * reclaim memory for them.
 */
export function createCgroups(layout: CgroupLayout, clock: Clock): Cgroups {
  const cgroups: Cgroups = {
    layout,
    ensure: async (cgroup, limits) => {
      if (layout.version === 'v2') await delegateControllers(layout.trees[0] as string, cgroup);
      else for (const tree of layout.trees) makeDirectory(join(tree, cgroup));
      for (const write of planCgroupWrites(limits, layout.version)) {
        const path = cgroupFile(layout, write.controller, cgroup, write.file);
        if (path) await writeFile(path, write.value);
      }
    },
    remove: async (cgroup, signal) => {
      for (let tries = 1; ; tries++) {
        await killAll(cgroups, cgroup);
        const left = layout.trees.filter((tree) => !removeTree(join(tree, cgroup)));
        if (left.length === 0) return;
        if (tries === removeTries) throw new Error(`cgroup ${cgroup} stays busy: processes do not end`);
        await clock.sleep(removeDelayMs, signal);
      }
    },
    removeIfEmpty: async (cgroup) => {
      for (const tree of layout.trees) {
        try {
          rmdirSync(join(tree, cgroup));
        } catch {
          // something is in it, or it is not there
        }
      }
    },
    pids: async (cgroup) => {
      return [...new Set(layout.trees.flatMap((tree) => pidsBelow(join(tree, cgroup))))];
    },
    children: async (cgroup) => {
      return [...new Set(layout.trees.flatMap((tree) => directoriesIn(join(tree, cgroup))))];
    },
    oomKills: async (cgroup) => {
      const file = layout.version === 'v2' ? 'memory.events' : 'memory.oom_control';
      const path = cgroupFile(layout, 'memory', cgroup, file);
      const text = path ? await readFile(path, 'utf8').catch(() => '') : '';
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    },
  };
  return cgroups;
}

/** In v2 a controller reaches a cgroup only when each of its ancestors hands it down. */
async function delegateControllers(tree: string, cgroup: string): Promise<void> {
  const wanted = (await readFile(join(tree, 'cgroup.controllers'), 'utf8')).trim().split(' ').filter(Boolean);
  let directory = tree;
  for (const part of cgroup.split('/').filter(Boolean)) {
    for (const controller of wanted) {
      // One by one: a controller that cannot be delegated here (cpu with real-time processes) must not cost the others.
      await writeFile(join(directory, 'cgroup.subtree_control'), `+${controller}`).catch(() => {});
    }
    directory = join(directory, part);
    await mkdir(directory, { recursive: true });
  }
}

async function killAll(cgroups: Cgroups, cgroup: string): Promise<void> {
  for (const pid of await cgroups.pids(cgroup)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error;
    }
  }
}

/** Its parents are there nearly always. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') mkdirSync(path, { recursive: true });
    else if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

/** True when it is gone; false while processes are in it. */
function removeTree(directory: string): boolean {
  for (const child of directoriesIn(directory)) {
    if (!removeTree(join(directory, child))) return false;
  }
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return false;
    throw error;
  }
}

function pidsBelow(directory: string): number[] {
  const own = unlessGone(() => readFileSync(join(directory, 'cgroup.procs'), 'utf8'), '');
  const below = directoriesIn(directory).flatMap((child) => pidsBelow(join(directory, child)));
  return [...own.split('\n').filter(Boolean).map(Number), ...below];
}

function directoriesIn(directory: string): string[] {
  const entries = unlessGone(() => readdirSync(directory, { withFileTypes: true }), []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

function unlessGone<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

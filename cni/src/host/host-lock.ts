import { closeSync, constants, fstatSync, mkdirSync, openSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import type { Host } from './host.ts';
import { calls } from './system-calls.ts';

/**
 * A lock of one network namespace, held across several messages to the kernel. It is a lock on a file (flock), which the
 * kernel gives up when its holder ends, however it ends; the file belongs to root, so nobody else can keep us waiting. It is
 * unlinked before the lock is given up, so none is left behind: who gets the lock on a file that is not there under its
 * name any more begins anew.
 */
const directory = '/run/slipway';
const LOCK_EX = 2;
const LOCK_NB = 4;

/** `netns` is the path of the namespace that plays the host; the process's own when absent. */
export function createHostLock(netns: string | undefined): Host['exclusively'] {
  // Within the process callers wait here, so that at most one thread of the pool waits for another process.
  let last: Promise<unknown> = Promise.resolve();
  return (work, { signal }) => {
    const turn = last.then(async () => {
      signal.throwIfAborted();
      const path = join(directory, `links-${namespaceNumber(netns)}.lock`);
      const fd = await acquire(path);
      try {
        signal.throwIfAborted();
        return await work();
      } finally {
        rmSync(path, { force: true });
        closeSync(fd);
      }
    });
    last = turn.catch(() => {});
    return turn;
  };
}

function namespaceNumber(netns: string | undefined): string {
  if (netns !== undefined) return String(statSync(netns).ino);
  return readlinkSync('/proc/self/ns/net').replace(/\D/g, '');
}

async function acquire(path: string): Promise<number> {
  for (;;) {
    const fd = open(path);
    try {
      if (calls().flock(fd, LOCK_EX | LOCK_NB) !== 0) await flockOffThread(fd);
      if (isNamed(fd, path)) return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
}

function open(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT;
  for (;;) {
    try {
      return openSync(path, flags, 0o600);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      mkdirSync(directory, { recursive: true }); // whoever used it last took it away
    }
  }
}

function flockOffThread(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    calls().flockAsync(fd, LOCK_EX, (error, result) => {
      if (error) reject(error);
      else if (result !== 0) reject(new Error('flock failed'));
      else resolve();
    });
  });
}

/** Whether the file is still the one that others find by the name. */
function isNamed(fd: number, path: string): boolean {
  try {
    return statSync(path).ino === fstatSync(fd).ino;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

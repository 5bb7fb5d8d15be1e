import { closeSync, openSync, statSync } from 'node:fs';
import { messageOf } from '@slipway/kit/errors';
import { invariant } from '@slipway/kit/invariant';
import { KernelError } from './host.ts';
import { calls, requireSuccess } from './system-calls.ts';

const CLONE_NEWNET = 0x40000000;

/** Its descriptor. Throws `KernelError`. */
export function openNetns(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new KernelError(`open network namespace ${path}: ${messageOf(cause)}`, { output: messageOf(cause), cause });
  }
}

/** One synchronous stretch, so that no other code of this process ever runs inside the namespace. */
export function inNetns<T>(path: string, work: () => T): T {
  const fd = openNetns(path);
  const home = openSync(`/proc/self/task/${calls().gettid()}/ns/net`, 'r');
  try {
    requireSuccess(calls().setns(fd, CLONE_NEWNET), `enter network namespace ${path}`);
    return work();
  } finally {
    // Going on in the wrong namespace would damage somebody's pod or host: better to stop.
    invariant(calls().setns(home, CLONE_NEWNET) === 0, "cannot return to the host's network namespace");
    closeSync(home);
    closeSync(fd);
  }
}

/** Tells namespaces apart, whatever path leads to them. Undefined when there is none. */
export function namespaceOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

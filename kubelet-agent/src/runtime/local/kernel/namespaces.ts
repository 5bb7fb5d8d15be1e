/**
 * Namespaces without a process in them: they are made by this thread, pinned by bind mounts of their files, and this
 * thread goes back to where it came from. All of that is one synchronous stretch of about 1.5 ms, so no other code of
 * this process ever runs inside the new namespaces. A child process would cost more of the event loop than that.
 */
import { closeSync, mkdirSync, openSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { invariant } from '@slipway/kit/invariant';
import { checked, libc } from './libc.ts';
import { mount, mountFlags, unmount } from './mounts.ts';

const cloneFlags = { net: 0x40000000, ipc: 0x08000000, uts: 0x04000000 } as const;
export type NamespaceKind = keyof typeof cloneFlags;

/** Magic number of the file system that holds namespaces, from linux/magic.h. */
const nsfsMagic = 0x6e736673;

export interface PinRequest {
  /** Gets one file per kind: `net`, `ipc`, `uts`. Made when missing. */
  readonly directory: string;
  readonly kinds: readonly NamespaceKind[];
  /** For the new UTS namespace. */
  readonly hostname: string;
  /** Namespaced sysctls, for the new network and IPC namespaces; written after loopback is up. */
  readonly writeSysctls: () => void;
}

/** Makes namespaces and pins them. Throws `SyscallError`; what was pinned by then is left to `unpinNamespaces`. */
export function pinNamespaces({ directory, kinds, hostname, writeSysctls }: PinRequest): void {
  if (kinds.length === 0) return;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const kind of kinds) closeSync(openSync(join(directory, kind), 'a', 0o400));
  inOtherNamespaces(kinds, () => {
    const flags = kinds.reduce((sum, kind) => sum | cloneFlags[kind], 0);
    checked(libc().unshare(flags), 'make namespaces');
    if (kinds.includes('uts')) checked(libc().sethostname(hostname, Buffer.byteLength(hostname)), 'set host name');
    if (kinds.includes('net')) bringLoopbackUp();
    writeSysctls();
    const own = threadNamespaces();
    for (const kind of kinds) {
      mount({ source: join(own, kind), target: join(directory, kind), type: '', flags: mountFlags.MS_BIND });
    }
  });
}

/** Lets the namespaces go, which end when nothing else uses them. Idempotent. */
export async function unpinNamespaces(directory: string): Promise<void> {
  await Promise.all(Object.keys(cloneFlags).map((kind) => unmount(join(directory, kind))));
}

/** Whether a namespace is pinned at this path; false after a reboot. */
export function isPinned(path: string): boolean {
  try {
    return statfsSync(path).type === nsfsMagic;
  } catch {
    return false;
  }
}

/** Runs `work` synchronously in a pinned network namespace; sockets that it makes stay there. */
export function inNetworkNamespace<T>(path: string, work: () => T): T {
  return inOtherNamespaces(['net'], () => {
    const fd = openSync(path, 'r');
    try {
      checked(libc().setns(fd, cloneFlags.net), `enter ${path}`);
    } finally {
      closeSync(fd);
    }
    return work();
  });
}

function inOtherNamespaces<T>(kinds: readonly NamespaceKind[], work: () => T): T {
  const own = threadNamespaces();
  const home = kinds.map((kind) => ({ kind, fd: openSync(join(own, kind), 'r') }));
  try {
    return work();
  } finally {
    for (const { kind, fd } of home) {
      // Going on in the wrong namespace would damage somebody's pod or host: better to stop.
      invariant(libc().setns(fd, cloneFlags[kind]) === 0, `cannot return to the host's ${kind} namespace`);
      closeSync(fd);
    }
  }
}

const threadNamespaces = () => `/proc/self/task/${libc().gettid()}/ns`;

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

function bringLoopbackUp(): void {
  const fd = checked(libc().socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'open a socket');
  try {
    const request = Buffer.alloc(40); // struct ifreq: 16 bytes of name, then a union that begins with the flags
    request.write('lo');
    request.writeUInt16LE(IFF_UP, 16);
    checked(libc().ioctl(fd, SIOCSIFFLAGS, request), 'bring loopback up');
  } finally {
    libc().close(fd);
  }
}

/** System calls for unpacking layers that Node does not offer. */
import { constants } from 'node:os';
import { arch } from 'node:process';
import koffi from 'koffi';

type Call<Arguments extends readonly unknown[]> = (...args: Arguments) => number;

interface Bindings {
  readonly mknodat: Call<[number, number, string, number, number]>;
  readonly lsetxattr: Call<[string, string, Uint8Array, number, number]>;
  readonly flock: Call<[number, number]>;
  readonly syncfsAsync: (fd: number, done: (error: unknown, result: number) => void) => void;
}

let bound: Bindings | undefined;

function kernel(): Bindings {
  if (bound) return bound;
  const library = koffi.load(null);
  bound = {
    // By number: C libraries before glibc 2.33 have no such symbol.
    mknodat: library.func('long syscall(long, int, const char *, unsigned int, unsigned long)'),
    lsetxattr: library.func('int lsetxattr(const char *, const char *, const uint8_t *, size_t, int)'),
    flock: library.func('int flock(int, int)'),
    syncfsAsync: library.func('int syncfs(int)').async,
  };
  return bound;
}

const mknodatNumbers: Readonly<Record<string, number>> = { x64: 259, arm64: 33, riscv64: 33, ppc64: 288, s390x: 290 };
const AT_FDCWD = -100;

export const fileTypes = { fifo: 0o010000, characterDevice: 0o020000, blockDevice: 0o060000 } as const;

function fail(what: string): never {
  const errno = koffi.errno();
  const code = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
  throw Object.assign(new Error(`${what}: ${code}`), { code });
}

export interface NodeRequest {
  readonly path: string;
  readonly type: number;
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
}

/** Makes a device or fifo; a character device 0:0 is overlayfs's whiteout. */
export function makeNode({ path, type, mode, major, minor }: NodeRequest): void {
  const number = mknodatNumbers[arch];
  if (number === undefined) throw new Error(`make ${path}: not supported on ${arch}`);
  const device = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12);
  if (kernel().mknodat(number, AT_FDCWD, path, type | mode, device >>> 0) < 0) fail(`make ${path}`);
}

/** Sets an extended attribute of a file, or of a link itself. */
export function setXattr(path: string, name: string, value: Uint8Array): void {
  if (kernel().lsetxattr(path, name, value, value.length, 0) < 0) fail(`set ${name} of ${path}`);
}

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Tries to lock an open file; the lock goes with the descriptor, also when the process is killed. */
export function tryLock(fd: number, mode: 'shared' | 'exclusive'): boolean {
  if (kernel().flock(fd, (mode === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0) return true;
  if (koffi.errno() === constants.errno.EAGAIN) return false;
  return fail('lock a file');
}

/** Writes everything of the file system that holds `fd` to the disk. */
export function syncFileSystem(fd: number): Promise<void> {
  return new Promise((resolve, reject) =>
    kernel().syncfsAsync(fd, (error, result) =>
      error || result < 0 ? reject(error ?? new Error('syncfs failed')) : resolve(),
    ),
  );
}

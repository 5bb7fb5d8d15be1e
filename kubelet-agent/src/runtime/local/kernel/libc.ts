/**
 * The system calls that Node does not offer, called in process: a child process per mount or namespace costs 3 to 5 ms
 * of the event loop, a call some ten microseconds. Calls that change the calling thread (unshare, setns) are only made
 * and undone again within one synchronous stretch: see `namespaces.ts`.
 */
import { constants } from 'node:os';
import koffi from 'koffi';

/** A system call failed. `code` is the errno's name, like that of Node's own system errors. */
export class SyscallError extends Error {
  override readonly name = 'SyscallError';
  readonly code: string;

  constructor(what: string, errno: number) {
    const code = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
    super(`${what}: ${code}`);
    this.code = code;
  }
}

type Call<Arguments extends readonly unknown[]> = (...args: Arguments) => number;
type AsyncCall<Arguments extends readonly unknown[]> = (
  ...args: [...Arguments, (error: unknown, result: number) => void]
) => void;
type Text = string | null;

interface Bindings {
  readonly mount: Call<[Text, string, Text, number, Text]>;
  readonly umount2: Call<[string, number]>;
  readonly umount2Async: AsyncCall<[string, number]>;
  readonly unshare: Call<[number]>;
  readonly setns: Call<[number, number]>;
  readonly gettid: Call<[]>;
  readonly sethostname: Call<[string, number]>;
  readonly ioctl: Call<[number, number, Uint8Array]>;
  readonly socket: Call<[number, number, number]>;
  readonly socketpair: Call<[number, number, number, Uint8Array]>;
  readonly connect: Call<[number, Uint8Array, number]>;
  readonly connectAsync: AsyncCall<[number, Uint8Array, number]>;
  readonly setsockopt: Call<[number, number, number, Uint8Array, number]>;
  readonly dup2: Call<[number, number]>;
  readonly close: Call<[number]>;
  readonly posixOpenpt: Call<[number]>;
  readonly grantpt: Call<[number]>;
  readonly unlockpt: Call<[number]>;
  readonly ptsnameR: Call<[number, Uint8Array, number]>;
  readonly tcgetattr: Call<[number, Uint8Array]>;
  readonly tcsetattr: Call<[number, number, Uint8Array]>;
  readonly cfmakeraw: (termios: Uint8Array) => void;
  readonly posixSpawn: Call<[number[], string, Uint8Array, Uint8Array, (string | null)[], (string | null)[]]>;
  readonly spawnActionsInit: Call<[Uint8Array]>;
  readonly spawnActionsDup2: Call<[Uint8Array, number, number]>;
  readonly spawnActionsChdir: Call<[Uint8Array, string]>;
  readonly spawnActionsDestroy: Call<[Uint8Array]>;
  readonly spawnAttributesInit: Call<[Uint8Array]>;
  readonly spawnAttributesSetFlags: Call<[Uint8Array, number]>;
  readonly spawnAttributesSetSignalMask: Call<[Uint8Array, Uint8Array]>;
  readonly spawnAttributesSetSignalDefault: Call<[Uint8Array, Uint8Array]>;
  readonly waitpid: Call<[number, number[], number]>;
  readonly syscall: Call<[number, number, number]>;
}

let bound: Bindings | undefined;

/** Bound at the first use, so that a process without containers pays nothing. */
export function libc(): Bindings {
  bound ??= bind();
  return bound;
}

function bind(): Bindings {
  const library = koffi.load(null);
  const mount = library.func('int mount(const char *, const char *, const char *, unsigned long, const char *)');
  const umount2 = library.func('int umount2(const char *, int)');
  const connect = library.func('int connect(int, const uint8_t *, uint32_t)');
  return {
    mount,
    umount2,
    umount2Async: umount2.async,
    unshare: library.func('int unshare(int)'),
    setns: library.func('int setns(int, int)'),
    gettid: library.func('int gettid()'),
    sethostname: library.func('int sethostname(const char *, size_t)'),
    ioctl: library.func('int ioctl(int, unsigned long, _Inout_ uint8_t *)'),
    socket: library.func('int socket(int, int, int)'),
    socketpair: library.func('int socketpair(int, int, int, _Out_ uint8_t *)'),
    connect,
    connectAsync: connect.async,
    setsockopt: library.func('int setsockopt(int, int, int, const uint8_t *, uint32_t)'),
    dup2: library.func('int dup2(int, int)'),
    close: library.func('int close(int)'),
    posixOpenpt: library.func('int posix_openpt(int)'),
    grantpt: library.func('int grantpt(int)'),
    unlockpt: library.func('int unlockpt(int)'),
    ptsnameR: library.func('int ptsname_r(int, _Out_ uint8_t *, size_t)'),
    tcgetattr: library.func('int tcgetattr(int, _Out_ uint8_t *)'),
    tcsetattr: library.func('int tcsetattr(int, int, const uint8_t *)'),
    cfmakeraw: library.func('void cfmakeraw(_Inout_ uint8_t *)'),
    posixSpawn: library.func(
      'int posix_spawn(_Out_ int32_t *, const char *, const uint8_t *, const uint8_t *, const char **, const char **)',
    ),
    spawnActionsInit: library.func('int posix_spawn_file_actions_init(_Inout_ uint8_t *)'),
    spawnActionsDup2: library.func('int posix_spawn_file_actions_adddup2(_Inout_ uint8_t *, int, int)'),
    spawnActionsChdir: library.func('int posix_spawn_file_actions_addchdir_np(_Inout_ uint8_t *, const char *)'),
    spawnActionsDestroy: library.func('int posix_spawn_file_actions_destroy(_Inout_ uint8_t *)'),
    spawnAttributesInit: library.func('int posix_spawnattr_init(_Inout_ uint8_t *)'),
    spawnAttributesSetFlags: library.func('int posix_spawnattr_setflags(_Inout_ uint8_t *, int16_t)'),
    spawnAttributesSetSignalMask: library.func('int posix_spawnattr_setsigmask(_Inout_ uint8_t *, const uint8_t *)'),
    spawnAttributesSetSignalDefault: library.func(
      'int posix_spawnattr_setsigdefault(_Inout_ uint8_t *, const uint8_t *)',
    ),
    waitpid: library.func('int waitpid(int, _Out_ int32_t *, int)'),
    syscall: library.func('int64_t syscall(int64_t, int64_t, int64_t)'),
  };
}

/** Passes a call's answer on, or throws what errno says. Must directly follow the call. */
export function checked(result: number, what: string): number {
  if (result < 0) throw new SyscallError(what, koffi.errno());
  return result;
}

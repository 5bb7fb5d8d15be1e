import { getSystemErrorMap } from 'node:util';
import koffi from 'koffi';
import { KernelError } from './host.ts';

type AsyncCall = (fd: number, bytes: Uint8Array, length: number, flags: number, done: Done) => void;
type Done = (error: unknown, result: number) => void;

interface Calls {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: Uint8Array, length: number) => number;
  readonly setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number;
  readonly send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number;
  readonly sendAsync: AsyncCall;
  readonly recv: (fd: number, bytes: Uint8Array, length: number, flags: number) => number;
  readonly setns: (fd: number, kind: number) => number;
  readonly gettid: () => number;
  readonly flock: (fd: number, operation: number) => number;
  readonly flockAsync: (fd: number, operation: number, done: Done) => void;
  /** 0 when there is no such link. Looks without waiting for the lock that changes take. */
  readonly interfaceIndex: (name: string) => number;
}

let bound: Calls | undefined;

/** The system calls that Node does not offer. Bound at the first use: a process that needs none does not load the library. */
export function calls(): Calls {
  bound ??= bind();
  return bound;
}

function bind(): Calls {
  const library = koffi.load(null);
  const flock = library.func('int flock(int, int)');
  const send = library.func('int64_t send(int, const uint8_t *, size_t, int)');
  return {
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, const uint8_t *, uint32_t)'),
    setsockopt: library.func('int setsockopt(int, int, int, const uint8_t *, uint32_t)'),
    send,
    sendAsync: send.async,
    recv: library.func('int64_t recv(int, _Out_ uint8_t *, size_t, int)'),
    setns: library.func('int setns(int, int)'),
    gettid: library.func('int gettid()'),
    flock,
    flockAsync: flock.async,
    interfaceIndex: library.func('unsigned int if_nametoindex(const char *)'),
  };
}

/** In the words of `ip`, which `KernelError` understands. */
const words: Readonly<Record<string, string>> = {
  ENODEV: 'Cannot find device',
  ESRCH: 'No such process',
  ENOENT: 'No such file or directory',
  EEXIST: 'File exists',
  EADDRNOTAVAIL: 'Cannot assign requested address',
};

export function refusal(doing: string, { errno, message }: { errno: number; message: string }): KernelError {
  const [code, text] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, `errno ${errno}`];
  const output = words[code] ?? text;
  return new KernelError(`${doing}: ${output}${message ? ` (${message})` : ''}`, { output, errno: code });
}

/** Why the last call of this thread failed: `EAGAIN`. */
export function lastErrorCode(): string | undefined {
  return getSystemErrorMap().get(-koffi.errno())?.[0];
}

/** Throws `KernelError` for a negative result. */
export function requireSuccess(result: number, doing: string): number {
  if (result >= 0) return result;
  throw refusal(doing, { errno: koffi.errno(), message: '' });
}

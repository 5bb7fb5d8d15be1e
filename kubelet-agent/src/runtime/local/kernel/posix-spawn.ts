/**
 * Starts programs by posix_spawn(3). Node forks, and a fork copies the page tables of the whole process: at 260 MiB
 * resident that measures 10 to 30 ms of the event loop per child. posix_spawn lends the child our memory until it executes
 * its program (CLONE_VM, CLONE_VFORK), which takes 0.1 ms whatever our size is.
 */
import { EventEmitter } from 'node:events';
import { accessSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { invariant } from '@slipway/kit/invariant';
import { type Spawn, spawn, type SpawnedProcess, type SpawnOptions } from '@slipway/kit/spawn';
import { checked, libc, SyscallError } from './libc.ts';
import { socketOver, socketPair } from './watched-descriptor.ts';

const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
/** Larger than posix_spawnattr_t, posix_spawn_file_actions_t and sigset_t of any C library. */
const structureBytes = 1024;
const sigsetBytes = 128;
const WNOHANG = 1;
/** The same number on all architectures. */
const SYS_pidfd_open = 434;

/**
 * `inherited` is the environment of programs that are not given one of their own. Node's own way where the kernel has no
 * process descriptors (before 5.3).
 */
export function createPosixSpawn(inherited: Environment): Spawn {
  return (command, args, options) => {
    const env = options.env ?? inherited;
    return hasProcessDescriptors()
      ? new PosixProcess(command, args, { ...options, env })
      : spawn(command, args, { ...options, env });
  };
}

type Environment = Readonly<Record<string, string | undefined>>;
type CompleteOptions = SpawnOptions & { readonly env: Environment };

let processDescriptors: boolean | undefined;

function hasProcessDescriptors(): boolean {
  if (processDescriptors !== undefined) return processDescriptors;
  const fd = libc().syscall(SYS_pidfd_open, process.pid, 0);
  processDescriptors = fd >= 0;
  if (fd >= 0) libc().close(fd);
  return processDescriptors;
}

class PosixProcess extends EventEmitter implements SpawnedProcess {
  readonly pid: number | undefined;
  readonly stdio: readonly (Socket | null)[];
  exitCode: number | null = null;
  signalCode: NodeJS.Signals | null = null;
  #hasEnded = false;

  constructor(command: string, args: readonly string[], options: CompleteOptions) {
    super();
    const sides = options.stdio.map(sidesOf);
    this.stdio = sides.map(({ ours }) => ours);
    try {
      this.pid = start(command, args, options, sides);
    } catch (error) {
      for (const stream of this.stdio) stream?.destroy();
      process.nextTick(() => this.emit('error', error));
      return;
    } finally {
      for (const { theirs, isOnlyTheirs } of sides) if (isOnlyTheirs) libc().close(theirs);
    }
    this.#watch(this.pid);
  }

  get stdin(): Writable | null {
    return this.stdio[0] ?? null;
  }

  get stdout(): Readable | null {
    return this.stdio[1] ?? null;
  }

  get stderr(): Readable | null {
    return this.stdio[2] ?? null;
  }

  /** False when it has ended: until then its PID cannot be another's, because it has not been waited for. */
  kill(signal: NodeJS.Signals): boolean {
    if (this.#hasEnded || this.pid === undefined) return false;
    return process.kill(this.pid, signal);
  }

  /** A process descriptor becomes readable when the process ends; to read it is an error, which is the sign. */
  #watch(pid: number): void {
    const fd = checked(libc().syscall(SYS_pidfd_open, pid, 0), 'watch a child process');
    const watched = socketOver(fd, { allowHalfOpen: false });
    watched.once('error', () => {
      watched.destroy();
      this.#ended(pid);
    });
    watched.resume();
  }

  #ended(pid: number): void {
    const status: [number] = [0];
    checked(libc().waitpid(pid, status, WNOHANG), 'wait for a child process');
    this.#hasEnded = true;
    const signal = status[0] & 0x7f;
    if (signal === 0) this.exitCode = (status[0] >> 8) & 0xff;
    else this.signalCode = signalName(signal);
    this.stdin?.destroy();
    this.emit('exit', this.exitCode, this.signalCode);
    const open = this.stdio.filter((stream) => stream !== null && !stream.closed);
    const closed = open.map((stream) => new Promise((resolve) => stream?.once('close', resolve)));
    process.nextTick(() => {
      // What nobody reads would never end.
      for (const stream of open) {
        if (stream?.readableFlowing === null && stream.listenerCount('readable') === 0) stream.resume();
      }
    });
    void Promise.all(closed).then(() => this.emit('close', this.exitCode, this.signalCode));
  }
}

interface Sides {
  readonly ours: Socket | null;
  readonly theirs: number;
  /** Made for the child alone, so that we close it. */
  readonly isOnlyTheirs: boolean;
}

function sidesOf(entry: SpawnOptions['stdio'][number], index: number): Sides {
  if (typeof entry === 'number') return { ours: null, theirs: entry, isOnlyTheirs: false };
  if (entry === 'ignore') return { ours: null, theirs: devNull(), isOnlyTheirs: false };
  const [ours, theirs] = socketPair();
  return { ours: new Socket({ fd: ours, readable: index > 0, writable: index === 0 }), theirs, isOnlyTheirs: true };
}

let nullDescriptor: number | undefined;

function devNull(): number {
  nullDescriptor ??= openSync('/dev/null', constants.O_RDWR);
  return nullDescriptor;
}

function start(command: string, args: readonly string[], options: CompleteOptions, sides: readonly Sides[]): number {
  const { env, cwd } = options;
  const path = findExecutable(command, env.PATH ?? '');
  const variables = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  const actions = Buffer.alloc(structureBytes);
  libc().spawnActionsInit(actions);
  try {
    for (const [target, { theirs }] of sides.entries()) {
      // An earlier entry would have replaced it. Ours are all above the standard streams, which Node always opens.
      invariant(theirs === target || theirs >= sides.length, 'a descriptor for a child overlaps its standard streams');
      libc().spawnActionsDup2(actions, theirs, target);
    }
    if (cwd !== undefined) libc().spawnActionsChdir(actions, cwd);
    const pid: [number] = [0];
    const errno = libc().posixSpawn(pid, path, actions, attributes(), [command, ...args, null], [...variables, null]);
    if (errno !== 0) throw new SyscallError(`spawn ${command}`, errno);
    return pid[0];
  } finally {
    libc().spawnActionsDestroy(actions);
  }
}

let builtAttributes: Buffer | undefined;

/** All signals as a program expects them: Node ignores SIGPIPE, and that would be inherited. */
function attributes(): Buffer {
  if (builtAttributes) return builtAttributes;
  const built = Buffer.alloc(structureBytes);
  libc().spawnAttributesInit(built);
  libc().spawnAttributesSetSignalMask(built, Buffer.alloc(sigsetBytes));
  libc().spawnAttributesSetSignalDefault(built, Buffer.alloc(sigsetBytes, 0xff));
  libc().spawnAttributesSetFlags(built, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  builtAttributes = built;
  return built;
}

function findExecutable(command: string, searchPath: string): string {
  if (command.includes('/')) return command;
  for (const directory of searchPath.split(':')) {
    const path = join(directory, command);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // the next one
    }
  }
  throw new SyscallError(`spawn ${command}`, osConstants.errno.ENOENT);
}

function signalName(number: number): NodeJS.Signals {
  const found = Object.entries(osConstants.signals).find(([, value]) => value === number);
  return (found?.[0] ?? 'SIGKILL') as NodeJS.Signals;
}

import { spawn as spawnChild } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export interface SpawnOptions {
  /** One entry per descriptor from 0 on: nothing, a stream to us, or a descriptor of ours. */
  readonly stdio: readonly ('ignore' | 'pipe' | number)[];
  /** Default: our own. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly cwd?: string | undefined;
  /** As the leader of a process group of its own, so that all that it starts can be ended with it. */
  readonly ownGroup?: boolean | undefined;
}

/** What is used of a child process. The words are those of Node's `ChildProcess`. */
export interface SpawnedProcess {
  /** Undefined when it could not be started. */
  readonly pid?: number | undefined;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly stdio: readonly (Readable | Writable | null | undefined)[];
  readonly exitCode: number | null;
  readonly signalCode: NodeJS.Signals | null;
  kill(signal: NodeJS.Signals): boolean;
  /** It could not be started. */
  once(event: 'error', listener: (error: Error) => void): unknown;
  /** `exit`: it has ended; `close`: so have its streams, which what it started may hold longer. */
  once(event: 'exit' | 'close', listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown;
}

/**
 * Starts a program and hands out its streams, for the few callers that talk with it while it runs (a shim, an exec
 * session). Everybody else wants `exec`.
 */
export type Spawn = (command: string, args: readonly string[], options: SpawnOptions) => SpawnedProcess;

export const spawn: Spawn = (command, args, { stdio, env, cwd, ownGroup = false }) =>
  spawnChild(command, args, {
    stdio: [...stdio],
    env: env as NodeJS.ProcessEnv | undefined,
    cwd,
    detached: ownGroup,
  });

import { type ChildProcess, spawn as spawnChild, type SpawnOptions } from 'node:child_process';

/**
 * Starts a program and hands out its streams, for the few callers that talk with it while it runs (a shim, an exec
 * session). Everybody else wants `exec`.
 */
export type Spawn = (command: string, args: readonly string[], options: SpawnOptions) => ChildProcess;

export const spawn: Spawn = (command, args, options) => spawnChild(command, args, options);

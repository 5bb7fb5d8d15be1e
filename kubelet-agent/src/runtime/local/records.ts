import { renameSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import type { ContainerConfig, PodSandboxConfig } from '../cri.ts';
import type { OciUser } from './spec/oci-spec.ts';

/**
 * What must be known after a restart and cannot be seen in the kernel. Not synced to disk: after a crash of the machine
 * nothing that a record describes runs any more, and a torn record counts as an orphan.
 */
export interface SandboxRecord {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly createdAtMs: number;
  readonly bootId: string;
  /** `creating` that is found at a start is the rest of a crash, and is removed. */
  readonly phase: 'creating' | 'ready' | 'stopped';
  readonly ips: readonly string[];
  /** Process that holds the shared PID namespace; 0 = none. */
  readonly pausePid: number;
}

export interface ContainerRecord {
  readonly id: string;
  readonly podSandboxId: string;
  readonly config: ContainerConfig;
  readonly imageId: string;
  readonly createdAtMs: number;
  readonly bootId: string;
  readonly cgroup: string;
  /** Absolute; empty = no log. */
  readonly logPath: string;
  readonly user: OciUser;
  readonly stopSignal: string;
  readonly startedAtMs: number;
  readonly exit?: ContainerExit;
}

export interface ContainerExit {
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly finishedAtMs: number;
}

/**
 * Replaces a file as a whole: a reader, or a start after kill -9, sees the old or the new text. Blocks for 0.1 ms; the
 * thread pool would take longer.
 */
export function writeRecord(path: string, record: SandboxRecord | ContainerRecord): void {
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/**
 * Writes that something has ended, if there is room. On a full disk pods must still come to an end, which is what makes room again;
 * what is not on record is found again after a restart by looking at what is left.
 */
export function writeEndRecord(path: string, record: SandboxRecord | ContainerRecord): void {
  try {
    writeRecord(path, record);
  } catch (error) {
    if (errnoOf(error) !== 'ENOSPC' && errnoOf(error) !== 'EDQUOT') throw error;
  }
}

/** Undefined when it is missing or torn. */
export async function readRecord<T extends SandboxRecord | ContainerRecord>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Ids of all directories of a kind with their records. */
export async function readRecords<T extends SandboxRecord | ContainerRecord>(
  directory: string,
): Promise<{ readonly id: string; readonly record: T | undefined }[]> {
  const ids = await readdir(directory).catch(() => []);
  return await Promise.all(
    ids.map(async (id) => ({ id, record: await readRecord<T>(join(directory, id, 'record.json')) })),
  );
}

import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { logMaxFilesAnnotation, logMaxSizeAnnotation } from '../pods/runtime-terms.ts';
import type { Container, Labels, RuntimeService } from '../runtime/cri.ts';
import { rotatedFiles } from './container-log.ts';

export interface LogRotationDeps {
  readonly runtime: Pick<RuntimeService, 'listContainers' | 'containerStatus' | 'reopenContainerLog'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Upstream's defaults: a file is rotated at 10 MiB, and five files of a container stay, the current one among them. A container may have its own. */
export const logRotation = { fileBytesMax: 10 * 1024 * 1024, filesMax: 5, everyMs: 10_000 } as const;

/** Watches the sizes of running containers' logs until the signal aborts. */
export async function runLogRotation(deps: LogRotationDeps, signal: AbortSignal): Promise<void> {
  const paths = new Map<string, string>();
  while (!signal.aborted) {
    await deps.clock.sleep(logRotation.everyMs, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      const running = await deps.runtime.listContainers({ state: 'CONTAINER_RUNNING' }, signal);
      const ids = new Set(running.map(({ id }) => id));
      for (const id of paths.keys()) if (!ids.has(id)) paths.delete(id);
      for (const container of running) await rotateIfLarge(container, paths, deps, signal);
    } catch (error) {
      if (!signal.aborted) deps.log.warn({ error: messageOf(error) }, 'logs not rotated, trying again');
    }
  }
}

async function rotateIfLarge(
  { id, annotations }: Pick<Container, 'id' | 'annotations'>,
  paths: Map<string, string>,
  deps: LogRotationDeps,
  signal: AbortSignal,
): Promise<void> {
  let path = paths.get(id);
  if (path === undefined) {
    path = await deps.runtime.containerStatus(id, signal).then(
      ({ logPath }) => logPath,
      () => '',
    );
    paths.set(id, path);
  }
  if (path === '') return;
  const size = await stat(path).then(
    ({ size: bytes }) => bytes,
    () => 0,
  );
  const { fileBytesMax, filesMax } = logLimits(annotations);
  if (size > fileBytesMax) await rotateLog(path, id, deps, signal, filesMax);
}

export function logLimits(annotations: Labels): { readonly fileBytesMax: number; readonly filesMax: number } {
  return {
    fileBytesMax: Number(annotations[logMaxSizeAnnotation] ?? logRotation.fileBytesMax),
    filesMax: Number(annotations[logMaxFilesAnnotation] ?? logRotation.filesMax),
  };
}

/** Moves the current file aside, has the runtime begin a new one, packs the older ones and drops the oldest. */
export async function rotateLog(
  path: string,
  containerId: string,
  { runtime, clock }: LogRotationDeps,
  signal: AbortSignal,
  filesMax: number = logRotation.filesMax,
): Promise<void> {
  const before = await rotatedFiles(path);
  const time = new Date(clock.nowMs()).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const moved = `${path}.${time}`;
  await rename(path, moved);
  try {
    await runtime.reopenContainerLog(containerId, signal);
  } catch (error) {
    await rename(moved, path); // the runtime still writes to it
    throw error;
  }
  // The file that was just moved stays as it is: followers may still read it.
  for (const file of before) if (!file.endsWith('.gz')) await pack(file);
  const kept = await rotatedFiles(path);
  for (const file of kept.slice(0, Math.max(kept.length - (filesMax - 1), 0))) await rm(file, { force: true });
}

async function pack(file: string): Promise<void> {
  const temporary = `${file}.gz.tmp`;
  await pipeline(createReadStream(file), createGzip(), createWriteStream(temporary));
  await rename(temporary, `${file}.gz`);
  await rm(file, { force: true });
}

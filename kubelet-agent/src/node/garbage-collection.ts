import { statfs } from 'node:fs/promises';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Image, ImageService, RuntimeService } from '../runtime/cri.ts';

export interface GarbageCollectionDeps {
  readonly runtime: Pick<RuntimeService, 'listContainers'>;
  readonly images: Pick<ImageService, 'listImages' | 'removeImage'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dataDirectory: string;
}

/** Upstream's defaults: above the high mark images go until the low mark is reached; none that is younger than 2 min. */
export const imageCollection = { highPercent: 85, lowPercent: 80, ageMsMin: 120_000, everyMs: 300_000 } as const;

/**
 * Removes images that no container uses when the disk fills up. Dead containers and sandboxes are part of each pod's own
 * plan, so there is nothing to collect of them here.
 */
export async function runImageCollection(deps: GarbageCollectionDeps, signal: AbortSignal): Promise<void> {
  const seenSinceMs = new Map<string, number>();
  while (!signal.aborted) {
    try {
      await collectImages(deps, seenSinceMs, signal);
    } catch (error) {
      if (!signal.aborted) deps.log.warn({ error: messageOf(error) }, 'images not collected, trying again');
    }
    await deps.clock.sleep(imageCollection.everyMs, signal).catch(() => {});
  }
}

async function collectImages(
  { runtime, images, clock, log, dataDirectory }: GarbageCollectionDeps,
  seenSinceMs: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const [all, containers, disk] = await Promise.all([
    images.listImages({}, signal),
    runtime.listContainers({}, signal),
    statfs(dataDirectory),
  ]);
  const nowMs = clock.nowMs();
  for (const { id } of all) if (!seenSinceMs.has(id)) seenSinceMs.set(id, nowMs);
  for (const id of seenSinceMs.keys()) if (!all.some((image) => image.id === id)) seenSinceMs.delete(id);
  const used = new Set(containers.map(({ imageRef }) => imageRef));
  const capacityBytes = disk.blocks * disk.bsize;
  const usedBytes = (disk.blocks - disk.bfree) * disk.bsize;
  const doomed = planImageRemoval(all, { used, seenSinceMs, nowMs, capacityBytes, usedBytes });
  for (const image of doomed) {
    await images.removeImage({ image: image.id }, signal);
    log.info({ image: image.repoTags[0] ?? image.id, sizeBytes: image.size }, 'image removed to free space');
  }
}

export interface ImageUse {
  readonly used: ReadonlySet<string>;
  readonly seenSinceMs: ReadonlyMap<string, number>;
  readonly nowMs: number;
  readonly capacityBytes: number;
  readonly usedBytes: number;
}

/** Pure: the images to remove, the longest unused first, until enough is free. */
export function planImageRemoval(images: readonly Image[], use: ImageUse): Image[] {
  const { capacityBytes, usedBytes, nowMs } = use;
  if (usedBytes * 100 < capacityBytes * imageCollection.highPercent) return [];
  let excess = usedBytes - (capacityBytes * imageCollection.lowPercent) / 100;
  const since = (image: Image) => use.seenSinceMs.get(image.id) ?? nowMs;
  const candidates = images
    .filter((image) => !image.pinned && !use.used.has(image.id) && nowMs - since(image) >= imageCollection.ageMsMin)
    .sort((a, b) => since(a) - since(b));
  const doomed: Image[] = [];
  for (const image of candidates) {
    if (excess <= 0) break;
    doomed.push(image);
    excess -= image.size;
  }
  return doomed;
}

import { rm } from 'node:fs/promises';
import { RuntimeError } from '../runtime/cri.ts';
import { type ContentStore, type ImageRecord, sha256Digest, type StagedLayer } from './content-store.ts';
import { parseConfigFile } from './oci-image.ts';

/** Where the parts of one image come from: an archive or a registry. */
export interface ImageSource {
  readonly manifestDigest: string;
  readonly manifest: Uint8Array | undefined;
  readonly config: Uint8Array;
  /** Number of layers that the manifest lists. */
  readonly layerCount: number;
  /** A file with the layer's archive, lowest layer = 0, its bytes checked against their digest if they have one. */
  layerFile(index: number, signal: AbortSignal): Promise<string>;
}

/** Layers that are fetched and unpacked at a time: one is mostly waiting for the network, one for the processor. */
const layersAtOnce = 3;

/** Brings a whole image into the store, without a name. Layers that are there already are not even fetched. */
export async function importImage(store: ContentStore, source: ImageSource, signal: AbortSignal): Promise<ImageRecord> {
  const id = sha256Digest(source.config);
  const config = parseConfigFile(source.config, `image configuration ${id}`);
  if (config.os !== '' && config.os !== 'linux')
    throw new RuntimeError('imageCorrupt', `image is for ${config.os}, not for linux`);
  if (config.diffIds.length !== source.layerCount) {
    throw new RuntimeError(
      'imageCorrupt',
      `image has ${source.layerCount} layers and ${config.diffIds.length} diff ids`,
    );
  }
  const staged = await stageMissing(store, source, config.diffIds, signal);
  try {
    await store.commitLayers(staged);
  } finally {
    await Promise.all(staged.map(({ directory }) => rm(directory, { recursive: true, force: true })));
  }
  if (source.manifest) await store.putBlob(source.manifestDigest, source.manifest);
  await store.putBlob(id, source.config);
  const infos = await Promise.all(config.diffIds.map((diffId) => store.layerInfo(diffId)));
  const sizeBytes = infos.reduce((sum, info) => sum + (info?.sizeBytes ?? 0), source.config.length);
  const { manifestDigest } = source;
  const record = { id, manifestDigest, architecture: config.architecture, diffIds: config.diffIds, sizeBytes };
  await store.putImage(record);
  return record;
}

async function stageMissing(
  store: ContentStore,
  source: ImageSource,
  diffIds: readonly string[],
  signal: AbortSignal,
): Promise<StagedLayer[]> {
  const staged: StagedLayer[] = [];
  const todo = [...new Set(diffIds)].map((diffId) => ({ diffId, index: diffIds.indexOf(diffId) }));
  const work = async () => {
    for (let next = todo.shift(); next; next = todo.shift()) {
      if (await store.layerInfo(next.diffId)) continue;
      const file = await source.layerFile(next.index, signal);
      staged.push(await store.stageLayer(file, next.diffId, signal));
      await rm(file, { force: true });
    }
  };
  const outcomes = await Promise.allSettled(
    Array.from({ length: layersAtOnce }, () =>
      work().catch((error) => {
        todo.length = 0; // the others need not go on
        throw error;
      }),
    ),
  );
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (!failure) return staged;
  await Promise.all(staged.map(({ directory }) => rm(directory, { recursive: true, force: true })));
  throw failure.reason;
}

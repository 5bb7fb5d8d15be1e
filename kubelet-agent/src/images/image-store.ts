/** The node's images. Safe for several processes on one directory: the agent, `slipway image load`, `slipway image rm`. */
import { rm } from 'node:fs/promises';
import { arch } from 'node:process';
import { resolve } from 'node:path';
import type { Clock } from '@slipway/kit/clock';
import { raceAbort } from '@slipway/kit/abort';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import {
  type AuthConfig,
  type Image,
  type ImageService,
  type ImageSpec,
  isRuntimeError,
  RuntimeError,
} from '../runtime/cri.ts';
import type { ContainerImage, ImageRootfs } from '../runtime/local/image-rootfs.ts';
import { ContentStore, type ImageRecord, type NameRecord } from './content-store.ts';
import { openImageArchive } from './image-archive.ts';
import { imagePaths, layerKey } from './image-paths.ts';
import { importImage } from './import-image.ts';
import { goArchitecture, type ImageConfigFile, parseConfigFile } from './oci-image.ts';
import { pullFromRegistry } from './pull-image.ts';
import { formatReference, imageIdPrefix, parseReference } from './reference.ts';
import type { RegistryOptions } from './registry-client.ts';
import { withStoreLock } from './store-lock.ts';

export interface ImageStoreDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly fetch: typeof globalThis.fetch;
}

export interface ImageStoreOptions {
  readonly dataDir: string;
  /** By registry host; `*` = for those that are not named. */
  readonly registries?: Readonly<Record<string, RegistryOptions>>;
}

export interface ImageStore extends ImageService, ImageRootfs {
  /**
   * Loads all images of a docker-archive or OCI layout tarball, plain or compressed. All or nothing per image. `name` is for
   * an image that the archive does not name.
   */
  load(file: string, options: { readonly name?: string }, signal: AbortSignal): Promise<readonly Image[]>;
}

/** Half-finished downloads are kept this long to go on from. */
const staleAfterMs = 24 * 3600 * 1000;
/** Parsed configurations that are kept in memory: more than the images that a node uses at a time. */
const configsMax = 256;

export async function createImageStore(deps: ImageStoreDeps, options: ImageStoreOptions): Promise<ImageStore> {
  const store = new ContentStore(imagePaths(resolve(options.dataDir)), deps.random, deps.log);
  await store.prepare();
  await store.removeStale(deps.clock.nowMs() - staleAfterMs);
  return new LocalImageStore(store, deps, options.registries ?? {});
}

class LocalImageStore implements ImageStore {
  readonly #store: ContentStore;
  readonly #deps: ImageStoreDeps;
  readonly #registries: Readonly<Record<string, RegistryOptions>>;
  readonly #configs = new Map<string, ImageConfigFile>();
  readonly #pulls = new Map<string, Promise<string>>();

  constructor(store: ContentStore, deps: ImageStoreDeps, registries: Readonly<Record<string, RegistryOptions>>) {
    this.#store = store;
    this.#deps = deps;
    this.#registries = registries;
  }

  async load(file: string, { name }: { readonly name?: string }, signal: AbortSignal): Promise<readonly Image[]> {
    const directory = await this.#store.stagingDirectory();
    const architecture = goArchitecture(arch);
    try {
      const archived = await openImageArchive({ file, directory, architecture }, signal);
      const ids = await this.#locked('shared', signal, async () => {
        const loaded: string[] = [];
        for (const { names, source } of archived) {
          const record = await importImage(this.#store, source, signal);
          const given = name === undefined ? [] : [formatReference(parseReference(name))];
          for (const each of [...names, ...given]) await this.#store.putName({ name: each, imageId: record.id });
          loaded.push(record.id);
        }
        return loaded;
      });
      const images = await this.#images();
      return images.filter((image) => ids.includes(image.id));
    } catch (error) {
      signal.throwIfAborted();
      throw storeError(error, `load ${file}`);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  async pullImage(image: ImageSpec, auth: AuthConfig | undefined, signal: AbortSignal): Promise<string> {
    const reference = parseReference(image.image);
    const name = formatReference(reference);
    // Whoever asks with other credentials must show them to the registry himself.
    const key = JSON.stringify([name, auth ?? null]);
    for (;;) {
      const started = this.#pulls.get(key);
      const pull = started ?? this.#pull(name, auth, signal).finally(() => this.#pulls.delete(key));
      this.#pulls.set(key, pull);
      try {
        return await raceAbort(pull, signal);
      } catch (error) {
        // It was somebody else's pull, and he gave up: that is not ours to fail for.
        if (signal.aborted || !started || isRuntimeError(error)) throw error;
      }
    }
  }

  async #pull(name: string, auth: AuthConfig | undefined, signal: AbortSignal): Promise<string> {
    const reference = parseReference(name);
    const { fetch, clock } = this.#deps;
    const client = { fetch, clock, registries: this.#registries };
    const architecture = goArchitecture(arch);
    try {
      return await this.#locked('shared', signal, async () => {
        const pulled = await pullFromRegistry({ store: this.#store, client, reference, auth, architecture }, signal);
        const digestName = formatReference({ ...reference, digest: pulled.topDigest });
        for (const each of new Set([name, digestName]))
          await this.#store.putName({ name: each, imageId: pulled.record.id });
        return pulled.record.id;
      });
    } catch (error) {
      signal.throwIfAborted();
      throw storeError(error, `failed to pull and unpack image "${name}"`);
    }
  }

  async listImages({ image }: { readonly image?: ImageSpec }): Promise<readonly Image[]> {
    if (image === undefined || image.image === '') return await this.#images();
    const found = await this.imageStatus(image);
    return found ? [found] : [];
  }

  async imageStatus(image: ImageSpec): Promise<Image | undefined> {
    const record = await this.#find(image.image);
    if (!record) return undefined;
    return this.#describe(record, await this.#store.names());
  }

  async #images(): Promise<Image[]> {
    const [records, names] = await Promise.all([this.#store.images(), this.#store.names()]);
    return await Promise.all(records.map((record) => this.#describe(record, names)));
  }

  async #describe(record: ImageRecord, names: readonly NameRecord[]): Promise<Image> {
    const own = names
      .filter((name) => name.imageId === record.id)
      .map((name) => name.name)
      .sort();
    const { config } = await this.#config(record);
    const user = (config.User ?? '').split(':')[0] ?? '';
    return {
      id: record.id,
      repoTags: own.filter((name) => !name.includes('@')),
      repoDigests: own.filter((name) => name.includes('@')),
      size: record.sizeBytes,
      ...(/^\d+$/.test(user) ? { uid: Number(user), username: '' } : { username: user }),
      pinned: false,
    };
  }

  /** By name in any spelling, by id, or by the beginning of an id. */
  async #find(text: string): Promise<ImageRecord | undefined> {
    const prefix = imageIdPrefix(text);
    if (prefix?.length === 71) return await this.#store.image(prefix);
    const name = await this.#store.name(formatReference(parseReference(text)));
    if (name) return await this.#store.image(name.imageId);
    if (prefix === undefined) return undefined;
    const found = (await this.#store.images()).filter((record) => record.id.startsWith(prefix));
    return found.length === 1 ? found[0] : undefined;
  }

  async #config(record: ImageRecord): Promise<ImageConfigFile> {
    const known = this.#configs.get(record.id);
    if (known) return known;
    const config = parseConfigFile(await this.#store.readBlob(record.id), `image configuration ${record.id}`);
    if (this.#configs.size >= configsMax) this.#configs.clear();
    this.#configs.set(record.id, config);
    return config;
  }

  async removeImage(image: ImageSpec, signal: AbortSignal): Promise<void> {
    await this.#locked('exclusive', signal, async () => {
      const record = await this.#find(image.image);
      if (!record) return;
      const isId = imageIdPrefix(image.image) !== undefined;
      const names = (await this.#store.names()).filter((name) => name.imageId === record.id);
      const wanted = isId ? undefined : formatReference(parseReference(image.image));
      const tagsLeft = names.filter(({ name }) => name !== wanted && !name.includes('@'));
      // Without its last tag an image is gone for its user; the digests that a pull noted do not keep it.
      const gone = wanted === undefined || tagsLeft.length === 0 ? names : names.filter(({ name }) => name === wanted);
      for (const { name } of gone) await this.#store.removeName(name);
      await this.#collectGarbage(gone.length === names.length ? record.id : undefined);
    });
  }

  /** Removes an image that was given up unless a container has it, and what no image refers to. Under the exclusive lock. */
  async #collectGarbage(givenUp: string | undefined): Promise<void> {
    const { paths } = this.#store;
    const leased = await this.#store.leasedImages();
    if (givenUp !== undefined && !leased.has(givenUp)) await rm(paths.image(givenUp), { force: true });
    const records = await this.#store.images();
    const keys = new Set(records.flatMap((record) => record.diffIds.map(layerKey)));
    const hex = (digest: string) => digest.slice('sha256:'.length);
    await this.#store.keepOnly(paths.layerInfo, new Set([...keys].map((key) => `${key}.json`)));
    await this.#store.keepOnly(paths.layers, keys);
    await this.#store.keepOnly(
      paths.blobs,
      new Set(records.flatMap((each) => [hex(each.id), hex(each.manifestDigest)])),
    );
  }

  async imageFsInfo() {
    const records = await this.#store.images();
    const diffIds = [...new Set(records.flatMap((record) => record.diffIds))];
    const infos = await Promise.all(diffIds.map((diffId) => this.#store.layerInfo(diffId)));
    const usage = {
      timestampMs: this.#deps.clock.nowMs(),
      mountpoint: this.#store.paths.root,
      usedBytes: infos.reduce((sum, info) => sum + (info?.sizeBytes ?? 0), 0),
      inodesUsed: infos.reduce((sum, info) => sum + (info?.inodes ?? 0), 0),
    };
    return { imageFilesystems: [usage], containerFilesystems: [] };
  }

  async hold(image: string, holder: string, signal: AbortSignal): Promise<ContainerImage> {
    return await this.#locked('shared', signal, async () => {
      const record = await this.#find(image);
      if (!record)
        throw new RuntimeError('imageNotFound', `image ${JSON.stringify(image)} is not present on this node`);
      await this.#store.putLease(holder, record.id);
      const { architecture, config } = await this.#config(record);
      const layers = record.diffIds.map((diffId) => this.#store.paths.layer(diffId)).reverse();
      if (layers.length === 0) layers.push(await this.#store.emptyLayer());
      return { id: record.id, architecture, config, layers };
    });
  }

  async release(holder: string): Promise<void> {
    await this.#store.removeLease(holder);
  }

  async holders(): Promise<readonly string[]> {
    return await this.#store.leaseHolders();
  }

  #locked<T>(mode: 'shared' | 'exclusive', signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return withStoreLock({ path: this.#store.paths.lock, mode, clock: this.#deps.clock }, work, signal);
  }
}

function storeError(error: unknown, what: string): RuntimeError {
  if (isRuntimeError(error))
    return error.message.startsWith(what)
      ? error
      : new RuntimeError(error.reason, `${what}: ${error.message}`, { cause: error });
  const code = errnoOf(error);
  const reason =
    code === 'ENOSPC' || code === 'EDQUOT' ? 'resourceExhausted' : code === 'ENOENT' ? 'notFound' : 'internal';
  return new RuntimeError(reason, `${what}: ${messageOf(error)}`, { cause: error });
}

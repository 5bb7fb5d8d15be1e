import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { RuntimeError } from '../runtime/cri.ts';
import type { ImagePaths } from './image-paths.ts';
import { syncFileSystem } from './kernel.ts';
import { unpackLayer } from './unpack-layer.ts';

/** Sizes of an unpacked layer. */
export interface LayerInfo {
  readonly diffId: string;
  readonly sizeBytes: number;
  readonly inodes: number;
}

/** One image as the store keeps it. */
export interface ImageRecord {
  readonly id: string;
  readonly manifestDigest: string;
  readonly architecture: string;
  /** Lowest first. */
  readonly diffIds: readonly string[];
  readonly sizeBytes: number;
}

/** A reference and what it names. */
export interface NameRecord {
  readonly name: string;
  readonly imageId: string;
}

/** A layer that was unpacked and has not got its place yet. */
export interface StagedLayer {
  readonly info: LayerInfo;
  readonly directory: string;
}

/** Files of the store, each complete or not there. */
export class ContentStore {
  readonly paths: ImagePaths;
  readonly #random: Random;
  readonly #log: Logger;

  constructor(paths: ImagePaths, random: Random, log: Logger) {
    this.paths = paths;
    this.#random = random;
    this.#log = log;
  }

  async prepare(): Promise<void> {
    const { blobs, layers, layerInfo, images, names, leases, ingest } = this.paths;
    const directories = [blobs, layers, layerInfo, images, names, leases, ingest];
    await Promise.all(directories.map((path) => mkdir(path, { recursive: true, mode: 0o711 })));
  }

  /** A directory of one's own for what is on its way in; the caller removes it. */
  stagingDirectory(): Promise<string> {
    return mkdtemp(join(this.paths.ingest, 'stage-'));
  }

  async putBlob(digest: string, bytes: Uint8Array): Promise<void> {
    if (sha256Digest(bytes) !== digest)
      throw new RuntimeError('imageCorrupt', `content does not have the digest ${digest}`);
    await this.#replace(this.paths.blob(digest), bytes);
  }

  async readBlob(digest: string): Promise<Buffer> {
    return await readFile(this.paths.blob(digest));
  }

  async layerInfo(diffId: string): Promise<LayerInfo | undefined> {
    const info = await this.#readJson<LayerInfo>(this.paths.infoOfLayer(diffId));
    if (info && info.diffId !== diffId)
      throw new RuntimeError('internal', `layers ${info.diffId} and ${diffId} collide`);
    return info;
  }

  /** Unpacks a layer to the side; the file system is not synced yet. */
  async stageLayer(file: string, diffId: string, signal: AbortSignal): Promise<StagedLayer> {
    const directory = await this.stagingDirectory();
    await chmod(directory, 0o755);
    try {
      const sizes = await unpackLayer({ file, directory, diffId, log: this.#log }, signal);
      return { info: { diffId, ...sizes }, directory };
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Puts layers in their places: first everything is on the disk, then it gets its name, then it counts. */
  async commitLayers(staged: readonly StagedLayer[]): Promise<void> {
    if (staged.length === 0) return;
    const root = await open(this.paths.root);
    try {
      await syncFileSystem(root.fd);
    } finally {
      await root.close();
    }
    for (const { info, directory } of staged) {
      if (!(await this.layerInfo(info.diffId))) {
        const place = this.paths.layer(info.diffId);
        await rm(place, { recursive: true, force: true }); // left by a crash between the rename and the info
        await rename(directory, place);
        await this.#replace(this.paths.infoOfLayer(info.diffId), JSON.stringify(info));
      }
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** The lower directory of an image without layers, which overlayfs cannot do without. */
  async emptyLayer(): Promise<string> {
    const path = join(this.paths.root, 'empty');
    await mkdir(path, { recursive: true, mode: 0o755 });
    return path;
  }

  async putImage(record: ImageRecord): Promise<void> {
    await this.#replace(this.paths.image(record.id), JSON.stringify(record));
  }

  image(id: string): Promise<ImageRecord | undefined> {
    return this.#readJson<ImageRecord>(this.paths.image(id));
  }

  images(): Promise<ImageRecord[]> {
    return this.#readAll<ImageRecord>(this.paths.images);
  }

  async putName(record: NameRecord): Promise<void> {
    await this.#replace(this.paths.nameFile(record.name), JSON.stringify(record));
  }

  name(reference: string): Promise<NameRecord | undefined> {
    return this.#readJson<NameRecord>(this.paths.nameFile(reference));
  }

  names(): Promise<NameRecord[]> {
    return this.#readAll<NameRecord>(this.paths.names);
  }

  async removeName(reference: string): Promise<void> {
    await rm(this.paths.nameFile(reference), { force: true });
  }

  async putLease(holder: string, imageId: string): Promise<void> {
    writeFileSync(this.paths.lease(holder), imageId);
  }

  async removeLease(holder: string): Promise<void> {
    await unlink(this.paths.lease(holder)).catch((error) => {
      if (errnoOf(error) !== 'ENOENT') throw error;
    });
  }

  leaseHolders(): Promise<string[]> {
    return readdir(this.paths.leases);
  }

  async leasedImages(): Promise<Set<string>> {
    const holders = await this.leaseHolders();
    return new Set(
      await Promise.all(holders.map((holder) => readFile(this.paths.lease(holder), 'utf8').catch(() => ''))),
    );
  }

  /** Removes every file of a directory whose name is not wanted. */
  async keepOnly(directory: string, wanted: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(directory)) {
      if (!wanted.has(name)) await rm(join(directory, name), { recursive: true, force: true });
    }
  }

  /** Removes what was on its way in and was given up, if nobody can be at it any more. */
  async removeStale(olderThanMs: number): Promise<void> {
    for (const name of await readdir(this.paths.ingest)) {
      const path = join(this.paths.ingest, name);
      const found = await stat(path).catch(() => undefined);
      if (found && found.mtimeMs < olderThanMs) await rm(path, { recursive: true, force: true });
    }
  }

  async #replace(path: string, content: string | Uint8Array): Promise<void> {
    const temporary = join(this.paths.ingest, `file-${this.#random.suffix(12)}`);
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  }

  async #readJson<T>(path: string): Promise<T | undefined> {
    try {
      // A small file that each container's start reads: it is in the page cache, the thread pool would take longer.
      return JSON.parse(readFileSync(path, 'utf8')) as T;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw new RuntimeError('internal', `image store: cannot read ${path}`, { cause: error });
    }
  }

  async #readAll<T>(directory: string): Promise<T[]> {
    const names = await readdir(directory);
    const all = await Promise.all(names.map((name) => this.#readJson<T>(join(directory, name))));
    return all.filter((record) => record !== undefined);
  }
}

export function sha256Digest(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * The image store on disk, all below DATA_DIR/images:
 *
 *   blobs/sha256/HEX        manifests and configurations
 *   layers/KEY/             unpacked layer in overlayfs's form; KEY is short, since a mount names up to 127 of them
 *   layer-info/KEY.json     its diff id and sizes; written after the layer is in its place
 *   images/HEX.json         one per configuration digest: which layers, which repository digests
 *   names/HASH.json         a reference and the image that it names
 *   leases/HOLDER           image id that a container uses
 *   ingest/                 downloads and layers on their way in; nothing in it counts
 *   lock                    see store-lock.ts
 *
 * Every file that counts is put in its place by a rename.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export interface ImagePaths {
  readonly root: string;
  readonly blobs: string;
  readonly layers: string;
  readonly layerInfo: string;
  readonly images: string;
  readonly names: string;
  readonly leases: string;
  readonly ingest: string;
  readonly lock: string;
  blob(digest: string): string;
  layer(diffId: string): string;
  infoOfLayer(diffId: string): string;
  image(id: string): string;
  nameFile(reference: string): string;
  lease(holder: string): string;
}

const hexOf = (digest: string) => digest.slice(digest.indexOf(':') + 1);

/** 96 bits of the digest in 16 letters. The whole digest is in the layer's info, and is compared. */
export const layerKey = (diffId: string): string =>
  Buffer.from(hexOf(diffId).slice(0, 24), 'hex').toString('base64url');

export function imagePaths(dataDir: string): ImagePaths {
  const root = join(dataDir, 'images');
  const at = (...parts: string[]) => join(root, ...parts);
  return {
    root,
    blobs: at('blobs', 'sha256'),
    layers: at('layers'),
    layerInfo: at('layer-info'),
    images: at('images'),
    names: at('names'),
    leases: at('leases'),
    ingest: at('ingest'),
    lock: at('lock'),
    blob: (digest) => at('blobs', 'sha256', hexOf(digest)),
    layer: (diffId) => at('layers', layerKey(diffId)),
    infoOfLayer: (diffId) => at('layer-info', `${layerKey(diffId)}.json`),
    image: (id) => at('images', `${hexOf(id)}.json`),
    nameFile: (reference) => at('names', `${createHash('sha256').update(reference).digest('hex')}.json`),
    lease: (holder) => at('leases', holder),
  };
}

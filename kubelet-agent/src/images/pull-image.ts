import { type AuthConfig, RuntimeError } from '../runtime/cri.ts';
import type { ContentStore, ImageRecord } from './content-store.ts';
import { importImage } from './import-image.ts';
import { choosePlatform, isIndex, parseManifest } from './oci-image.ts';
import type { ImageReference } from './reference.ts';
import { type RegistryClientDeps, RegistrySession } from './registry-client.ts';

export interface PullRequest {
  readonly store: ContentStore;
  readonly client: RegistryClientDeps;
  readonly reference: ImageReference;
  readonly auth: AuthConfig | undefined;
  /** GOARCH. */
  readonly architecture: string;
}

export interface PulledImage {
  readonly record: ImageRecord;
  /** Digest of what the reference names: the index when there is one. */
  readonly topDigest: string;
}

/** Manifest, configuration, then the layers that are missing. */
export async function pullFromRegistry(request: PullRequest, signal: AbortSignal): Promise<PulledImage> {
  const { store, reference, architecture } = request;
  const session = new RegistrySession(request.client, reference, request.auth);
  const top = await session.manifest(reference.digest ?? reference.tag ?? 'latest', signal);
  const { digest, bytes, manifest } = await resolvePlatform(session, top, architecture, signal);
  const config = await session.document(manifest.config, signal);
  const source = {
    manifestDigest: digest,
    manifest: bytes,
    config,
    layerCount: manifest.layers.length,
    layerFile: async (index: number, layerSignal: AbortSignal) => {
      const layer = manifest.layers[index];
      if (!layer) throw new RuntimeError('imageCorrupt', `manifest ${digest} has no layer ${index}`);
      return await session.download(layer, store.paths.ingest, layerSignal);
    },
  };
  return { record: await importImage(store, source, signal), topDigest: top.digest };
}

async function resolvePlatform(
  session: RegistrySession,
  top: { digest: string; bytes: Buffer },
  architecture: string,
  signal: AbortSignal,
) {
  const document = parseManifest(top.bytes, `manifest ${top.digest}`);
  if (!isIndex(document)) return { ...top, manifest: document };
  const chosen = choosePlatform(document, architecture);
  if (!chosen)
    throw new RuntimeError('imageNotFound', `no match for platform linux/${architecture} in manifest: not found`);
  const inner = await session.manifest(chosen.digest, signal);
  const manifest = parseManifest(inner.bytes, `manifest ${inner.digest}`);
  if (isIndex(manifest)) throw new RuntimeError('imageCorrupt', `index ${top.digest} leads to another index`);
  return { ...inner, manifest };
}

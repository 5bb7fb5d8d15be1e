/** The documents of the OCI image specification and Docker's older twins of them, checked where they enter. */
import { RuntimeError } from '../runtime/cri.ts';
import type { ImageConfig } from '../runtime/local/image-rootfs.ts';
import { isDigest } from './reference.ts';

export const manifestMediaTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
export const indexMediaTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface ImageIndex {
  readonly manifests: readonly Descriptor[];
}

/** The configuration document, whose digest is the image's id. */
export interface ImageConfigFile {
  readonly architecture: string;
  readonly os: string;
  readonly config: ImageConfig;
  readonly diffIds: readonly string[];
}

/** As many as overlayfs can be told in one mount; docker refuses more as well. */
const layersMax = 127;

const corrupt = (what: string) => new RuntimeError('imageCorrupt', what);

export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new RuntimeError('imageCorrupt', `${what} is not JSON`, { cause });
  }
}

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw corrupt(`${what} is not an object`);
  return value as Readonly<Record<string, unknown>>;
}

function asArray(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw corrupt(`${what} is not a list`);
  return value;
}

function parseDescriptor(value: unknown, what: string): Descriptor {
  const { mediaType, digest, size, platform, annotations } = asObject(value, what);
  if (typeof digest !== 'string' || !isDigest(digest)) throw corrupt(`${what} has no sha256 digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw corrupt(`${what} has no size`);
  return {
    mediaType: typeof mediaType === 'string' ? mediaType : '',
    digest,
    size,
    ...(platform !== undefined && { platform: asObject(platform, what) as unknown as Platform }),
    ...(annotations !== undefined && { annotations: asObject(annotations, what) as Readonly<Record<string, string>> }),
  };
}

/** A manifest or an index, told apart by their fields: some registries answer with a wrong media type. */
export function parseManifest(bytes: Uint8Array, what: string): ImageManifest | ImageIndex {
  const document = asObject(parseJson(bytes, what), what);
  if (document.manifests !== undefined) {
    return {
      manifests: asArray(document.manifests, what).map((entry) => parseDescriptor(entry, `${what}: manifests`)),
    };
  }
  if (document.schemaVersion === 1)
    throw corrupt(`${what} is of Docker's schema 1, which is not supported: push it again`);
  const layers = asArray(document.layers, what).map((entry) => parseDescriptor(entry, `${what}: layers`));
  return { config: parseDescriptor(document.config, `${what}: config`), layers };
}

export function isIndex(document: ImageManifest | ImageIndex): document is ImageIndex {
  return 'manifests' in document;
}

export function parseConfigFile(bytes: Uint8Array, what: string): ImageConfigFile {
  const { architecture, os, config, rootfs } = asObject(parseJson(bytes, what), what);
  const diffIds = asArray(asObject(rootfs, `${what}: rootfs`).diff_ids ?? [], `${what}: diff_ids`);
  for (const id of diffIds)
    if (typeof id !== 'string' || !isDigest(id)) throw corrupt(`${what}: a diff_id is no digest`);
  if (diffIds.length > layersMax) throw corrupt(`${what} has more than ${layersMax} layers`);
  return {
    architecture: typeof architecture === 'string' ? architecture : '',
    os: typeof os === 'string' ? os : '',
    config: withoutNulls(asObject(config ?? {}, `${what}: config`)) as ImageConfig,
    diffIds: diffIds as readonly string[],
  };
}

/** Go writes an empty list as null. */
function withoutNulls(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** GOARCH's name for Node's name of an architecture. */
export const goArchitecture = (arch: string): string => goArchitectures[arch] ?? arch;

/** The manifest of an index that fits this machine; the first one of the architecture when variants differ. */
export function choosePlatform(index: ImageIndex, architecture: string): Descriptor | undefined {
  const images = index.manifests.filter((entry) => entry.annotations?.['vnd.docker.reference.type'] === undefined);
  const fits = images.filter(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture);
  const withoutPlatform = images.filter(({ platform }) => platform === undefined);
  return fits[0] ?? (images.length === 1 ? withoutPlatform[0] : undefined);
}

/**
 * Archives as `docker save`, `skopeo copy ... docker-archive:|oci-archive:` and `buildah push` write them: a
 * docker-archive has a `manifest.json`, an OCI layout an `index.json`; newer dockers write both at once.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '@slipway/kit/errors';
import { type Extract, extract } from 'tar-stream';
import { isRuntimeError, RuntimeError } from '../runtime/cri.ts';
import { sha256Digest } from './content-store.ts';
import type { ImageSource } from './import-image.ts';
import { choosePlatform, type Descriptor, isIndex, parseJson, parseManifest } from './oci-image.ts';
import { parseReference, formatReference } from './reference.ts';
import { decompressor } from './unpack-layer.ts';

/** One image of an archive with the names that the archive gives it. */
export interface ArchivedImage {
  readonly names: readonly string[];
  readonly source: ImageSource;
}

/** Paths in the archive and the files that hold their contents. */
type Members = ReadonlyMap<string, string>;

const membersMax = 10_000;
/** Manifests and configurations are some kilobytes. */
const documentBytesMax = 8 * 1024 * 1024;
const memberBytesMax = 64 * 1024 ** 3;

const corrupt = (message: string, cause?: unknown) => new RuntimeError('imageCorrupt', message, { cause });

export interface OpenArchiveRequest {
  readonly file: string;
  /** Empty directory for the archive's members. */
  readonly directory: string;
  /** GOARCH. */
  readonly architecture: string;
}

/** Takes an archive apart. Throws `imageCorrupt`, and `invalidArgument` when it is no image archive at all. */
export async function openImageArchive(request: OpenArchiveRequest, signal: AbortSignal): Promise<ArchivedImage[]> {
  const members = await extractMembers(request, signal);
  if (members.has('manifest.json')) return await openDockerArchive(members);
  if (members.has('index.json')) return await openOciLayout(members, request);
  const what = 'it has neither a manifest.json (docker-archive) nor an index.json (OCI layout)';
  throw new RuntimeError('invalidArgument', `${request.file} is not an image archive: ${what}`);
}

/** Members get numbers for names on disk, so nothing in the archive decides where something is written. */
async function extractMembers({ file, directory }: OpenArchiveRequest, signal: AbortSignal): Promise<Members> {
  const members = new Map<string, string>();
  const links = new Map<string, string>();
  const decompress = await decompressor(file);
  const entries = extract();
  const outcomes = await Promise.allSettled([
    writeMembers(entries, { directory, members, links }),
    pipeline(createReadStream(file), decompress, entries, { signal }),
  ]);
  signal.throwIfAborted();
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  if (failures.length > 0) {
    const telling = failures.find(
      (failure) => isRuntimeError(failure) || (failure as { code?: string }).code === 'ENOSPC',
    );
    throw telling ?? corrupt(`${file} is not a complete tar archive: ${messageOf(failures[0])}`, failures[0]);
  }
  for (const [name, target] of links) {
    const found = members.get(target);
    if (found !== undefined) members.set(name, found);
  }
  return members;
}

async function writeMembers(
  entries: Extract,
  into: { directory: string; members: Map<string, string>; links: Map<string, string> },
): Promise<void> {
  for await (const entry of entries) {
    const { name, type, size = 0, linkname = '' } = entry.header;
    const path = posix.normalize(name);
    if (into.members.size >= membersMax) throw corrupt(`archive has more than ${membersMax} members`);
    if (size > memberBytesMax) throw corrupt(`archive has a member of more than ${memberBytesMax} bytes`);
    if (type === 'symlink') into.links.set(path, posix.join(posix.dirname(path), linkname));
    if (type === 'link') into.links.set(path, posix.normalize(linkname));
    if (type === 'file' || type === 'contiguous-file') {
      const file = join(into.directory, String(into.members.size));
      await pipeline(entry as unknown as Readable, createWriteStream(file, { flags: 'wx' }));
      into.members.set(path, file);
    } else {
      entry.resume();
    }
  }
}

async function readDocument(members: Members, path: string): Promise<Buffer> {
  const bytes = await readFile(memberFile(members, path));
  if (bytes.length > documentBytesMax) throw corrupt(`${path} of the archive is larger than ${documentBytesMax} bytes`);
  return bytes;
}

function memberFile(members: Members, path: string): string {
  const file = members.get(posix.normalize(path));
  if (file === undefined) throw corrupt(`archive has no ${path}`);
  return file;
}

interface DockerManifestEntry {
  readonly Config?: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers?: readonly string[] | null;
}

async function openDockerArchive(members: Members): Promise<ArchivedImage[]> {
  const entries = parseJson(await readDocument(members, 'manifest.json'), 'manifest.json');
  if (!Array.isArray(entries)) throw corrupt('manifest.json of the archive is not a list');
  return await Promise.all(
    (entries as readonly DockerManifestEntry[]).map(async ({ Config, RepoTags, Layers }) => {
      if (typeof Config !== 'string') throw corrupt('manifest.json of the archive names no configuration');
      const config = await readDocument(members, Config);
      const layers = Layers ?? [];
      const source: ImageSource = {
        // There is no manifest in such an archive; the id stands for it, as nobody can pull by it anyway.
        manifestDigest: sha256Digest(config),
        manifest: undefined,
        config,
        layerCount: layers.length,
        layerFile: async (index) => memberFile(members, layers[index] ?? ''),
      };
      return { names: (RepoTags ?? []).map((name) => formatReference(parseReference(name))), source };
    }),
  );
}

async function openOciLayout(members: Members, request: OpenArchiveRequest): Promise<ArchivedImage[]> {
  const top = parseManifest(await readDocument(members, 'index.json'), 'index.json');
  if (!isIndex(top)) throw corrupt('index.json of the archive is not an index');
  const images = top.manifests.filter(({ annotations }) => annotations?.['vnd.docker.reference.type'] === undefined);
  // Several manifests without names are one image for several platforms.
  const hasNames = images.some((entry) => nameOf(entry) !== undefined);
  const chosen = hasNames || images.length === 1 ? images : [choosePlatform(top, request.architecture)];
  return await Promise.all(
    chosen.map(async (entry) => {
      if (!entry) throw corrupt(`archive has no image for linux/${request.architecture}`);
      const name = nameOf(entry);
      const names = name === undefined ? [] : [formatReference(parseReference(fullName(name, request.file)))];
      return { names, source: await sourceOfManifest(members, entry, request.architecture) };
    }),
  );
}

const nameOf = ({ annotations }: Descriptor): string | undefined =>
  annotations?.['io.containerd.image.name'] ?? annotations?.['org.opencontainers.image.ref.name'];

/** The specification lets the annotation be a mere tag; the archive's file name then stands for the repository. */
function fullName(name: string, file: string): string {
  if (/[/:@]/.test(name)) return name;
  const repository = basename(file)
    .replace(/\.(tar|tgz|oci|gz|zst|zstd)/g, '')
    .toLowerCase();
  return `${repository}:${name}`;
}

async function sourceOfManifest(members: Members, entry: Descriptor, architecture: string): Promise<ImageSource> {
  const bytes = await readBlob(members, entry.digest);
  const manifest = parseManifest(bytes, `manifest ${entry.digest}`);
  if (isIndex(manifest)) {
    const inner = choosePlatform(manifest, architecture);
    if (!inner) throw corrupt(`image index ${entry.digest} has no image for linux/${architecture}`);
    return await sourceOfManifest(members, inner, architecture);
  }
  return {
    manifestDigest: entry.digest,
    manifest: bytes,
    config: await readBlob(members, manifest.config.digest),
    layerCount: manifest.layers.length,
    layerFile: async (index) => memberFile(members, blobPath(manifest.layers[index]?.digest ?? '')),
  };
}

const blobPath = (digest: string) => `blobs/${digest.replace(':', '/')}`;

async function readBlob(members: Members, digest: string): Promise<Buffer> {
  const bytes = await readDocument(members, blobPath(digest));
  if (sha256Digest(bytes) !== digest) throw corrupt(`blob of the archive does not have its digest ${digest}`);
  return bytes;
}

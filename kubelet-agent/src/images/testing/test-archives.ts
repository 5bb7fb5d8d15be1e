import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';

export interface TestEntry extends Partial<Header> {
  readonly name: string;
  readonly content?: string | Buffer;
}

/** A tar archive of entries in order; nothing is checked or completed. */
export async function tarOf(entries: readonly TestEntry[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = '', ...header } of entries) {
    const body = header.type === undefined || header.type === 'file' ? content : '';
    archive.entry({ mtime: new Date(1_000_000_000_000), ...header, size: Buffer.byteLength(body) }, body as Buffer);
  }
  archive.finalize();
  return await buffer(archive);
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export interface TestImage {
  readonly layers: readonly (readonly TestEntry[])[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
}

async function configOf({ config, architecture = goarch() }: TestImage, layers: readonly Buffer[]): Promise<Buffer> {
  const rootfs = { type: 'layers', diff_ids: layers.map(digestOf) };
  return Buffer.from(JSON.stringify({ architecture, os: 'linux', config: config ?? {}, rootfs }));
}

const goarch = () => (process.arch === 'x64' ? 'amd64' : process.arch);

/** As `docker save` writes it: layers first, `manifest.json` last. */
export async function writeDockerArchive(file: string, image: TestImage, tags: readonly string[]): Promise<void> {
  const layers = await Promise.all(image.layers.map(tarOf));
  const config = await configOf(image, layers);
  const configName = `${digestOf(config).slice(7)}.json`;
  const Layers = layers.map((_, index) => `${index}/layer.tar`);
  const manifest = [{ Config: configName, RepoTags: tags, Layers }];
  const archive = await tarOf([
    ...layers.map((content, index) => ({ name: `${index}/layer.tar`, content })),
    { name: configName, content: config },
    { name: 'manifest.json', content: JSON.stringify(manifest) },
  ]);
  await writeFile(file, file.endsWith('.gz') ? gzipSync(archive) : archive);
}

const compressions = {
  none: { compress: (layer: Buffer) => layer, suffix: '' },
  gzip: { compress: (layer: Buffer) => gzipSync(layer), suffix: '+gzip' },
  zstd: { compress: (layer: Buffer) => zstdCompressSync(layer), suffix: '+zstd' },
};

/** An OCI layout; `damage` may change a blob on its way into the archive. */
export async function writeOciLayout(
  file: string,
  image: TestImage,
  options: { name?: string; compression: keyof typeof compressions; damage?: (blob: Buffer, what: string) => Buffer },
): Promise<void> {
  const { compress, suffix } = compressions[options.compression];
  const damage = options.damage ?? ((blob) => blob);
  const plain = await Promise.all(image.layers.map(tarOf));
  const layers = plain.map(compress);
  const config = await configOf(image, plain);
  const describe = (mediaType: string, blob: Buffer) => ({ mediaType, digest: digestOf(blob), size: blob.length });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: describe('application/vnd.oci.image.config.v1+json', config),
      layers: layers.map((layer) => describe(`application/vnd.oci.image.layer.v1.tar${suffix}`, layer)),
    }),
  );
  const annotations = options.name === undefined ? {} : { 'org.opencontainers.image.ref.name': options.name };
  const entry = { ...describe('application/vnd.oci.image.manifest.v1+json', manifest), annotations };
  const blob = (bytes: Buffer, what: string) => ({
    name: `blobs/sha256/${digestOf(bytes).slice(7)}`,
    content: damage(bytes, what),
  });
  const archive = await tarOf([
    { name: 'oci-layout', content: JSON.stringify({ imageLayoutVersion: '1.0.0' }) },
    { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [entry] }) },
    blob(manifest, 'manifest'),
    blob(config, 'config'),
    ...layers.map((layer) => blob(layer, 'layer')),
  ]);
  await writeFile(file, archive);
}

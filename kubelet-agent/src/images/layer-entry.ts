/** What an entry of a layer's tar archive asks for, pure. Whiteouts are those of the OCI image specification. */
import { posix } from 'node:path';
import type { Header } from 'tar-stream';
import { RuntimeError } from '../runtime/cri.ts';

export type LayerStep =
  | { readonly op: 'ignore' }
  /** Hides everything of lower layers in this directory. */
  | { readonly op: 'opaque'; readonly directory: string }
  /** Hides this path of lower layers. */
  | { readonly op: 'whiteout'; readonly path: string }
  | { readonly op: 'write'; readonly path: string };

const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';
const metadataPrefix = '.wh..wh.';
const pathBytesMax = 4095;

export function planLayerEntry(header: Pick<Header, 'name'>): LayerStep {
  const path = relativePath(header.name);
  if (path === '') return { op: 'write', path };
  const name = posix.basename(path);
  const directory = path === name ? '' : posix.dirname(path);
  if (name === opaqueMarker) return { op: 'opaque', directory };
  if (name.startsWith(metadataPrefix)) return { op: 'ignore' };
  if (!name.startsWith(whiteoutPrefix)) return { op: 'write', path };
  const hidden = name.slice(whiteoutPrefix.length);
  if (hidden === '' || hidden === '.' || hidden === '..') throw unsafe(header.name);
  return { op: 'whiteout', path: posix.join(directory, hidden) };
}

/** Path below the layer's root without a leading slash; empty = the root. Throws when it leads out of it. */
export function relativePath(name: string): string {
  if (name.includes('\0') || Buffer.byteLength(name) > pathBytesMax) throw unsafe(name);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw unsafe(name);
  return parts.join('/');
}

const unsafe = (name: string) =>
  new RuntimeError('imageCorrupt', `layer has an entry that leads out of it: ${JSON.stringify(name.slice(0, 200))}`);

/**
 * Writes the entries of one layer below a directory that nobody else uses. No entry gets out of that directory: names with `..` are refused, and
 * a parent that is a link of the same layer is followed only as far as it stays inside.
 */
import { constants, createWriteStream } from 'node:fs';
import { chmod, lchown, link, lstat, lutimes, mkdir, open, readlink, rm, symlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import type { Header } from 'tar-stream';
import { RuntimeError } from '../runtime/cri.ts';
import { fileTypes, makeNode, setXattr } from './kernel.ts';
import { planLayerEntry, relativePath } from './layer-entry.ts';

const linksMax = 40;
const xattrPrefix = 'SCHILY.xattr.';
/** Files up to this size are written in one go. */
const smallFileBytesMax = 256 * 1024;

export class LayerWriter {
  readonly #root: string;
  readonly #warn: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Directories of this layer that are known to be real ones, relative. */
  readonly #directories = new Set<string>(['']);
  /** A directory's time changes with every entry in it, so all are set at the end. */
  readonly #times = new Map<string, Date>();
  sizeBytes = 0;
  entryCount = 0;

  constructor(root: string, warn: (message: string, fields: Readonly<Record<string, unknown>>) => void) {
    this.#root = root;
    this.#warn = warn;
  }

  /** Performs one entry; `content` is read to its end. */
  async write(header: Header, content: Readable): Promise<void> {
    this.entryCount++;
    this.sizeBytes += header.size ?? 0;
    const step = planLayerEntry(header);
    switch (step.op) {
      case 'ignore':
        break;
      case 'opaque': {
        const directory = await this.#ensureDirectory(step.directory);
        setXattr(join(this.#root, directory), 'trusted.overlay.opaque', Buffer.from('y'));
        break;
      }
      case 'whiteout': {
        const path = await this.#clear(step.path);
        makeNode({ path: join(this.#root, path), type: fileTypes.characterDevice, mode: 0, major: 0, minor: 0 });
        break;
      }
      case 'write':
        await this.#writeEntry(step.path, header, content);
    }
    content.resume();
  }

  async finish(): Promise<void> {
    for (const [path, time] of this.#times) await lutimes(join(this.#root, path), time, time);
  }

  async #writeEntry(path: string, header: Header, content: Readable): Promise<void> {
    if (header.type === 'directory') return await this.#writeDirectory(path, header);
    if (path === '') throw corrupt('the root of a layer is not a directory', header);
    const relative = await this.#clear(path);
    const target = join(this.#root, relative);
    const mode = (header.mode ?? 0o644) & 0o7777;
    switch (header.type) {
      case 'file':
      case 'contiguous-file':
        await writeFileContent(target, header.size ?? 0, content);
        break;
      case 'link':
        await this.#hardLink(target, header);
        return; // shares everything with what it is linked to
      case 'symlink':
        await symlink(header.linkname ?? '', target);
        break;
      case 'character-device':
      case 'block-device':
      case 'fifo': {
        const type = {
          'character-device': fileTypes.characterDevice,
          'block-device': fileTypes.blockDevice,
          fifo: fileTypes.fifo,
        }[header.type];
        makeNode({ path: target, type, mode, major: header.devmajor ?? 0, minor: header.devminor ?? 0 });
        break;
      }
      default:
        throw corrupt(`entries of type ${header.type} are not supported`, header);
    }
    await this.#setAttributes(target, header);
    const time = timeOf(header);
    await lutimes(target, time, time);
  }

  async #writeDirectory(path: string, header: Header): Promise<void> {
    const directory = await this.#ensureDirectory(path);
    await this.#setAttributes(join(this.#root, directory), header);
    this.#times.set(directory, timeOf(header));
  }

  async #hardLink(target: string, header: Header): Promise<void> {
    const source = relativePath(header.linkname ?? '');
    const parent = await this.#resolveDirectory(parentOf(source), false);
    try {
      await link(join(this.#root, parent, posix.basename(source)), target); // does not follow a link in the last part
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') throw corrupt(`it is linked to ${source}, which is not in the layer`, header);
      throw error;
    }
  }

  /** Owner before mode and attributes: a change of owner clears set-user-id bits and file capabilities. */
  async #setAttributes(target: string, header: Header): Promise<void> {
    const pax = (header.pax ?? {}) as Readonly<Record<string, string>>;
    await lchown(target, Number(pax.uid ?? header.uid ?? 0), Number(pax.gid ?? header.gid ?? 0));
    if (header.type !== 'symlink') await chmod(target, (header.mode ?? 0o644) & 0o7777);
    for (const [key, value] of Object.entries(pax)) {
      if (key.startsWith(xattrPrefix)) this.#setXattr(target, key.slice(xattrPrefix.length), value);
    }
  }

  /** overlayfs's own attributes would let a layer say things about others; the rest is what images carry. */
  #setXattr(target: string, name: string, value: string): void {
    if (name.startsWith('trusted.') || name.startsWith('system.')) return;
    if (value.includes('\ufffd')) {
      this.#warn('an extended attribute of an image is not text and was left out', { attribute: name, path: target });
      return;
    }
    try {
      setXattr(target, name, Buffer.from(value, 'utf8'));
    } catch (error) {
      this.#warn('an extended attribute of an image could not be set', { attribute: name, err: messageOf(error) });
    }
  }

  /** Makes room at a path and returns it with links in its parents resolved. */
  async #clear(path: string): Promise<string> {
    const parent = await this.#resolveDirectory(parentOf(path), true);
    const resolved = posix.join(parent, posix.basename(path));
    const found = await lstat(join(this.#root, resolved)).catch(() => undefined);
    if (!found) return resolved;
    if (found.isDirectory()) this.#forgetBelow(resolved);
    await rm(join(this.#root, resolved), { recursive: true, force: true });
    return resolved;
  }

  #forgetBelow(path: string): void {
    for (const known of this.#directories) {
      if (known === path || known.startsWith(`${path}/`)) this.#directories.delete(known);
    }
    for (const known of this.#times.keys()) {
      if (known === path || known.startsWith(`${path}/`)) this.#times.delete(known);
    }
  }

  /** A directory that is there stays; anything else in its place gives way. */
  async #ensureDirectory(path: string): Promise<string> {
    if (this.#directories.has(path)) return path;
    const parent = await this.#resolveDirectory(parentOf(path), true);
    const resolved = posix.join(parent, posix.basename(path));
    const found = await lstat(join(this.#root, resolved)).catch(() => undefined);
    if (!found?.isDirectory()) {
      if (found) await rm(join(this.#root, resolved));
      await mkdir(join(this.#root, resolved), { mode: 0o755 });
    }
    this.#directories.add(resolved);
    return resolved;
  }

  /** Real path of a directory below the root. Links are followed inside; missing parts are made if asked. */
  async #resolveDirectory(path: string, make: boolean): Promise<string> {
    if (this.#directories.has(path)) return path;
    let todo = path.split('/').filter(Boolean);
    let done = '';
    for (let links = 0; todo.length > 0; ) {
      const [part = '', ...rest] = todo;
      todo = rest;
      if (part === '.') continue;
      if (part === '..') {
        if (done === '') throw new RuntimeError('imageCorrupt', `layer has a link that leads out of it, on ${path}`);
        done = parentOf(done);
        continue;
      }
      const next = posix.join(done, part);
      if (this.#directories.has(next)) {
        done = next;
        continue;
      }
      const found = await lstat(join(this.#root, next)).catch(() => undefined);
      if (found?.isSymbolicLink()) {
        if (++links > linksMax) throw new RuntimeError('imageCorrupt', `layer has too many links on ${path}`);
        const target = await readlink(join(this.#root, next));
        if (target.startsWith('/')) done = '';
        todo = [...target.split('/').filter(Boolean), ...todo];
        continue;
      }
      if (found && !found.isDirectory())
        throw new RuntimeError('imageCorrupt', `layer has a file for a directory: ${next}`);
      if (!found) {
        if (!make) throw new RuntimeError('imageCorrupt', `layer has no directory ${next}`);
        await mkdir(join(this.#root, next), { mode: 0o755 });
      }
      this.#directories.add(next);
      done = next;
    }
    return done;
  }
}

async function writeFileContent(target: string, sizeBytes: number, content: Readable): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  if (sizeBytes > smallFileBytesMax) {
    await pipeline(content, createWriteStream(target, { flags: flags as unknown as string, mode: 0o600 }));
    return;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk as Buffer);
  const file = await open(target, flags, 0o600);
  try {
    if (sizeBytes > 0) await file.writev(chunks);
  } finally {
    await file.close();
  }
}

function timeOf(header: Header): Date {
  const pax = (header.pax ?? {}) as Readonly<Record<string, string>>;
  const precise = Number(pax.mtime ?? Number.NaN);
  return Number.isFinite(precise) ? new Date(precise * 1000) : (header.mtime ?? new Date(0));
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}

const corrupt = (why: string, header: Header) =>
  new RuntimeError('imageCorrupt', `layer entry ${JSON.stringify(header.name.slice(0, 200))}: ${why}`);

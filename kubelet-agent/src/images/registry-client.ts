/** Reads images from registries by the OCI distribution specification. */
import { createHash, type Hash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbort } from '@slipway/kit/abort';
import { backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import { type AuthConfig, isRuntimeError, RuntimeError } from '../runtime/cri.ts';
import { sha256Digest } from './content-store.ts';
import { tryLock } from './kernel.ts';
import { type Descriptor, indexMediaTypes, manifestMediaTypes } from './oci-image.ts';
import { formatReference, type ImageReference } from './reference.ts';
import { authorize, parseChallenge } from './registry-auth.ts';

export interface RegistryOptions {
  /** Base URLs (`http://127.0.0.1:5000`) that are asked first, in order, without the caller's credentials. */
  readonly mirrors?: readonly string[];
  /** Talk to the registry itself without TLS. Default: only for loopback. */
  readonly plainHttp?: boolean;
}

export interface RegistryClientDeps {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** By registry host as in the reference; `*` = for those that are not named. */
  readonly registries: Readonly<Record<string, RegistryOptions>>;
}

const documentBytesMax = 8 * 1024 * 1024;
const triesMax = 4;
const lockPollMs = 100;
const retryBackoff = { baseMs: 250, maxMs: 4_000 };

interface Endpoint {
  readonly base: string;
  readonly auth: AuthConfig | undefined;
}

/** A registry answered, and not with what was asked for. */
class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** One pull: remembers where the image was found and the token for it. */
export class RegistrySession {
  readonly #deps: RegistryClientDeps;
  readonly #reference: ImageReference;
  readonly #endpoints: readonly Endpoint[];
  #found: Endpoint | undefined;
  readonly #authorization = new Map<Endpoint, string>();

  constructor(deps: RegistryClientDeps, reference: ImageReference, auth: AuthConfig | undefined) {
    this.#deps = deps;
    this.#reference = reference;
    const options = deps.registries[reference.registry] ?? deps.registries['*'] ?? {};
    const mirrors = (options.mirrors ?? []).map((base) => ({ base: base.replace(/\/$/, ''), auth: undefined }));
    this.#endpoints = [...mirrors, { base: baseUrl(reference.registry, options), auth }];
  }

  /** A manifest or index by tag or digest, from the first endpoint that has it. Throws `imageNotFound` and others. */
  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<{ digest: string; bytes: Buffer }> {
    const failures: unknown[] = [];
    for (const endpoint of this.#found ? [this.#found] : this.#endpoints) {
      try {
        const answer = await this.#retrying(() => this.#fetchManifest(endpoint, tagOrDigest, signal), signal);
        this.#found = endpoint;
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        failures.push(error);
      }
    }
    throw this.#resolveError(failures.at(-1));
  }

  async #fetchManifest(endpoint: Endpoint, tagOrDigest: string, signal: AbortSignal) {
    const accept = [...manifestMediaTypes, ...indexMediaTypes].join(', ');
    const response = await this.#get(endpoint, `manifests/${tagOrDigest}`, { accept }, signal);
    const bytes = await readBounded(response, documentBytesMax);
    const digest = sha256Digest(bytes);
    const expected = tagOrDigest.startsWith('sha256:') ? tagOrDigest : response.headers.get('docker-content-digest');
    if (expected?.startsWith('sha256:') && expected !== digest) {
      throw new RuntimeError('imageCorrupt', `manifest has the digest ${digest} and should have ${expected}`);
    }
    return { digest, bytes };
  }

  /** A small blob, such as a configuration. */
  async document(descriptor: Descriptor, signal: AbortSignal): Promise<Buffer> {
    return await this.#retrying(async () => {
      const response = await this.#get(this.#endpoint(), `blobs/${descriptor.digest}`, {}, signal);
      const bytes = await readBounded(response, documentBytesMax);
      if (sha256Digest(bytes) === descriptor.digest) return bytes;
      throw new RuntimeError('imageCorrupt', `blob does not have its digest ${descriptor.digest}`);
    }, signal);
  }

  /**
   * Downloads a blob into a directory and returns the path of the checked file. A download that was broken off, even by the end of
   * the process, goes on where it stopped if the registry can.
   */
  async download(descriptor: Descriptor, directory: string, signal: AbortSignal): Promise<string> {
    const partial = join(directory, `${descriptor.digest.replace(':', '-')}.partial`);
    const done = `${partial.slice(0, -'.partial'.length)}-${process.pid}.blob`;
    const file = await this.#openLocked(partial, signal);
    try {
      await this.#retrying(() => this.#downloadRest(descriptor, file, signal), signal);
      await rename(partial, done);
      return done;
    } finally {
      await file.close();
    }
  }

  /** Of several processes that want one blob, one is at it; the next finds the file gone when its turn comes, and begins anew. */
  async #openLocked(path: string, signal: AbortSignal): Promise<FileHandle> {
    for (;;) {
      const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      try {
        while (!tryLock(file.fd, 'exclusive')) await this.#deps.clock.sleep(lockPollMs, signal);
        const [own, there] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
        if (own.ino === there?.ino) return file;
      } catch (error) {
        await file.close();
        throw error;
      }
      await file.close();
    }
  }

  async #downloadRest(descriptor: Descriptor, file: FileHandle, signal: AbortSignal): Promise<void> {
    const { hash, sizeBytes: have } = await hashOf(file);
    const isWhole = have === descriptor.size;
    if (!isWhole) {
      const wanted: Record<string, string> = have > 0 && have < descriptor.size ? { range: `bytes=${have}-` } : {};
      const response = await this.#get(this.#endpoint(), `blobs/${descriptor.digest}`, wanted, signal);
      const resumes = response.status === 206;
      const sum = resumes ? hash : createHash('sha256');
      if (!resumes) await file.truncate(0);
      await writeBody(response, { file, hash: sum, position: resumes ? have : 0, sizeBytesMax: descriptor.size });
      await checkDigest(sum, descriptor, file);
      return;
    }
    await checkDigest(hash, descriptor, file);
  }

  #endpoint(): Endpoint {
    if (!this.#found) throw new RuntimeError('internal', 'a blob is asked for before its manifest');
    return this.#found;
  }

  async #get(
    endpoint: Endpoint,
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Response> {
    const url = `${endpoint.base}/v2/${this.#reference.repository}/${path}`;
    const known = this.#authorization.get(endpoint);
    const send = (authorization: string | undefined) =>
      this.#deps.fetch(url, { headers: { ...headers, ...(authorization && { authorization }) }, signal });
    let response = await send(known);
    if (response.status === 401) {
      const challenge = parseChallenge(response.headers.get('www-authenticate'));
      await response.body?.cancel();
      if (!challenge)
        throw new RuntimeError('unauthorized', 'authorization failed: registry asks for nothing we can give');
      const scope = `repository:${this.#reference.repository}:pull`;
      const authorization = await authorize({ fetch: this.#deps.fetch, challenge, auth: endpoint.auth, scope }, signal);
      this.#authorization.set(endpoint, authorization);
      response = await send(authorization);
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw new AnswerError(response.status, `${url}: ${response.status} ${response.statusText}`.trim());
  }

  async #retrying<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        signal.throwIfAborted();
        if (tries === triesMax || !mayPass(error)) throw error;
        await this.#deps.clock.sleep(backoffMs(tries, retryBackoff), signal);
      }
    }
  }

  /** In containerd's words, which is what people search for. */
  #resolveError(cause: unknown): RuntimeError {
    const name = formatReference(this.#reference);
    const text = `failed to pull and unpack image "${name}": failed to resolve reference "${name}"`;
    if (isRuntimeError(cause)) return new RuntimeError(cause.reason, `${text}: ${cause.message}`, { cause });
    if (cause instanceof AnswerError) {
      if (cause.status === 404) return new RuntimeError('imageNotFound', `${text}: ${name}: not found`, { cause });
      if (cause.status === 401 || cause.status === 403) {
        const why = 'pull access denied, repository does not exist or may require authorization';
        return new RuntimeError('unauthorized', `${text}: ${why}: ${cause.message}`, { cause });
      }
    }
    return new RuntimeError('unavailable', `${text}: failed to do request: ${deepMessage(cause)}`, { cause });
  }
}

/** The registry of Docker's own images answers under another name than theirs. */
const apiHosts: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

function baseUrl(registry: string, options: RegistryOptions): string {
  const host = apiHosts[registry] ?? registry;
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|$)/.test(host);
  return `${(options.plainHttp ?? isLoopback) ? 'http' : 'https'}://${host}`;
}

function mayPass(error: unknown): boolean {
  if (isRuntimeError(error) || isAbort(error)) return false;
  if (error instanceof AnswerError) return error.status === 429 || error.status >= 500;
  return !/ENOTFOUND|ECONNREFUSED|CERT|ENOSPC/.test(deepMessage(error));
}

/** fetch says "fetch failed" and keeps the reason to itself. */
function deepMessage(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${deepMessage(cause)}`;
}

async function readBounded(response: Response, sizeBytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > sizeBytesMax)
      throw new RuntimeError('imageCorrupt', `document is larger than ${sizeBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function writeBody(
  response: Response,
  into: { file: FileHandle; hash: Hash; position: number; sizeBytesMax: number },
): Promise<void> {
  let position = into.position;
  for await (const chunk of response.body ?? []) {
    if (position + chunk.length > into.sizeBytesMax) {
      await into.file.truncate(0);
      throw new RuntimeError(
        'imageCorrupt',
        `blob is larger than the ${into.sizeBytesMax} bytes that its manifest says`,
      );
    }
    into.hash.update(chunk);
    await into.file.write(chunk, 0, chunk.length, position);
    position += chunk.length;
  }
}

async function hashOf(file: FileHandle): Promise<{ hash: Hash; sizeBytes: number }> {
  const hash = createHash('sha256');
  const { size } = await file.stat();
  if (size > 0) {
    for await (const chunk of createReadStream('', { fd: file, start: 0, autoClose: false }))
      hash.update(chunk as Buffer);
  }
  return { hash, sizeBytes: size };
}

/** What is wrong is thrown away, so that the next try does not build on it. */
async function checkDigest(hash: Hash, descriptor: Descriptor, file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  if (size < descriptor.size) throw new Error(`download ended after ${size} of ${descriptor.size} bytes`);
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest === descriptor.digest) return;
  await file.truncate(0);
  throw new RuntimeError('imageCorrupt', `blob has the digest ${digest} and should have ${descriptor.digest}`);
}

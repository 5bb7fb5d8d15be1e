import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { type Clock, systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { spawn } from '@slipway/kit/spawn';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { createImageStore, type ImageStore } from './image-store.ts';
import type { RegistryOptions } from './registry-client.ts';
import { writeDockerArchive } from './testing/test-archives.ts';

const signal = neverAborted;
/** Tries again at once: the delays between tries are not what is shown here. */
const hastyClock: Clock = { ...systemClock, sleep: (ms, until) => systemClock.sleep(Math.min(ms, 5), until) };
const missing = missingCapability({ root: true, programs: ['docker-registry', 'skopeo'] });

/** Stands before the registry: counts what is asked for, and may answer itself. */
type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

describeWith(missing, 'pull from a registry', () => {
  let root: string;
  let registryPort: number;
  let proxy: Server;
  let stopRegistry: () => Promise<void>;
  let intercept: Intercept = () => false;
  let asked: string[] = [];
  const here = () => `127.0.0.1:${(proxy.address() as AddressInfo).port}`;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'slipway-registry-'));
    registryPort = await freePort();
    const config = join(root, 'config.yml');
    await mkdir(join(root, 'data'));
    await writeFile(
      config,
      `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${root}/data}}\nhttp: {addr: 127.0.0.1:${registryPort}}\n`,
    );
    const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'ignore'] });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    stopRegistry = async () => {
      child.kill('SIGTERM');
      await ended;
    };
    while (!(await fetch(`http://127.0.0.1:${registryPort}/v2/`).catch(() => undefined))?.ok) {
      await systemClock.sleep(20, signal);
    }
    proxy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (!intercept(request, response)) void forward(request, response, registryPort);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const layers = [[{ name: 'big', content: systemRandom.bytes(300_000) }], [{ name: 'small', content: 'x' }]];
    await writeDockerArchive(join(root, 'app.tar'), { layers, config: { Cmd: ['x'] } }, ['app:1']);
    const target = `docker://127.0.0.1:${registryPort}/team/app:1`;
    await exec(
      'skopeo',
      ['copy', '--insecure-policy', '-q', '--dest-tls-verify=false', `docker-archive:${root}/app.tar`, target],
      { signal },
    );
  });

  afterAll(async () => {
    await new Promise((resolve) => proxy.close(resolve));
    await stopRegistry();
    await rm(root, { recursive: true, force: true });
  });

  const open = async (
    name: string,
    registries: Readonly<Record<string, RegistryOptions>> = {},
  ): Promise<ImageStore> => {
    asked = [];
    intercept = () => false;
    const deps = { clock: hastyClock, random: systemRandom, log: silentLogger, fetch: globalThis.fetch };
    return await createImageStore(deps, { dataDir: join(root, name), registries });
  };
  const blobsAsked = () => asked.filter((line) => line.includes('/blobs/'));

  it('pulls by tag and by digest, once for all who ask, and no layer twice', async () => {
    const store = await open('plain');
    const ref = { image: `${here()}/team/app:1` };
    const ids = await Promise.all([store.pullImage(ref, undefined, signal), store.pullImage(ref, undefined, signal)]);
    expect(ids[0]).toBe(ids[1]);
    expect(blobsAsked()).toHaveLength(3);
    const image = await store.imageStatus(ref, signal);
    expect(image).toMatchObject({ id: ids[0], repoTags: [ref.image] });
    const [byDigest = ''] = image?.repoDigests ?? [];
    expect(byDigest).toMatch(/\/team\/app@sha256:[0-9a-f]{64}$/);
    expect(await store.pullImage({ image: byDigest }, undefined, signal)).toBe(ids[0]);
    expect(blobsAsked()).toHaveLength(4); // the configuration again, no layer
    expect((await store.hold(ref.image, 'c', signal)).layers).toHaveLength(2);
    expect(await readdir(join(root, 'plain/images/ingest'))).toEqual([]);
  });

  it('asks mirrors first and the registry when they do not have it', async () => {
    const store = await open('mirror', {
      'registry.invalid': { mirrors: [`http://127.0.0.1:${await freePort()}`, `http://${here()}`] },
    });
    await store.pullImage({ image: 'registry.invalid/team/app:1' }, undefined, signal);
    expect((await store.imageStatus({ image: 'registry.invalid/team/app:1' }, signal))?.repoTags).toEqual([
      'registry.invalid/team/app:1',
    ]);
  });

  it('says in the words of containerd what is not there', async () => {
    const store = await open('absent');
    const name = `${here()}/team/none:1`;
    await expect(store.pullImage({ image: name }, undefined, signal)).rejects.toMatchObject({
      reason: 'imageNotFound',
      message: `failed to pull and unpack image "${name}": failed to resolve reference "${name}": ${name}: not found`,
    });
    await expect(
      store.pullImage({ image: `127.0.0.1:${await freePort()}/x:1` }, undefined, signal),
    ).rejects.toMatchObject({
      reason: 'unavailable',
    });
  });

  it('goes on with a download that was broken off', async () => {
    const store = await open('resume');
    intercept = (request, response) => {
      if (request.headers.range !== undefined || !request.url?.includes('/blobs/')) return false;
      // What was sent and not read yet is lost with its connection: it is cut when everything is on the disk.
      const beforeCut = () => until(async () => (await bytesOfPartials(join(root, 'resume'))) === 1500);
      void forward(request, response, registryPort, { cutAfterBytes: 1500, beforeCut });
      return true;
    };
    const ranges: (string | undefined)[] = [];
    proxy.on('request', (request: IncomingMessage) => ranges.push(request.headers.range));
    await store.pullImage({ image: `${here()}/team/app:1` }, undefined, signal);
    expect(ranges).toContain('bytes=1500-');
  });

  it('refuses content that is not what its digest says, and keeps nothing of it', async () => {
    const store = await open('forged');
    intercept = (request, response) => {
      if (!request.url?.includes('/blobs/')) return false;
      response.end('forged');
      return true;
    };
    const ref = { image: `${here()}/team/app:1` };
    await expect(store.pullImage(ref, undefined, signal)).rejects.toMatchObject({ reason: 'imageCorrupt' });
    expect(await store.listImages({}, signal)).toEqual([]);
    intercept = () => false;
    await store.pullImage(ref, undefined, signal);
  });

  it('does not take up a partial download that was spoilt on the disk', async () => {
    const store = await open('spoilt');
    const ref = { image: `${here()}/team/app:1` };
    intercept = (request, response) => {
      if (!request.url?.includes('/blobs/') || Number(request.headers['x-small']) === 1) return false;
      void forward(request, response, registryPort, { cutAfterBytes: 1000 });
      return true;
    };
    await expect(store.pullImage(ref, undefined, signal)).rejects.toThrow();
    const ingest = join(root, 'spoilt/images/ingest');
    for (const name of await readdir(ingest)) {
      await truncate(join(ingest, name), 0);
      await writeFile(join(ingest, name), 'y'.repeat(900));
      expect((await stat(join(ingest, name))).size).toBe(900);
    }
    intercept = () => false;
    await expect(store.pullImage(ref, undefined, signal)).rejects.toMatchObject({ reason: 'imageCorrupt' });
    await store.pullImage(ref, undefined, signal); // the spoilt part was thrown away
    expect(existsSync(join(root, 'spoilt/images/layers'))).toBe(true);
  });

  it('shows credentials when it is asked for them: basic, and a token from a token server', async () => {
    const auth = { username: 'u', password: 'p' };
    const basic = `Basic ${Buffer.from('u:p').toString('base64')}`;
    const demand =
      (challenge: string, wanted: string): Intercept =>
      (request, response) => {
        if (request.url?.startsWith('/token')) {
          response.end(JSON.stringify(request.headers.authorization === basic ? { token: 'secret' } : {}));
          return true;
        }
        if (request.headers.authorization === wanted) return false;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
        return true;
      };
    const ref = { image: `${here()}/team/app:1` };
    const first = await open('basic');
    intercept = demand('Basic realm="x"', basic);
    await expect(first.pullImage(ref, undefined, signal)).rejects.toMatchObject({ reason: 'unauthorized' });
    await first.pullImage(ref, auth, signal);
    const second = await open('bearer');
    intercept = demand(`Bearer realm="http://${here()}/token",service="reg"`, 'Bearer secret');
    await second.pullImage(ref, auth, signal);
    expect(asked.filter((line) => line.includes('/token'))).toEqual([
      'GET /token?service=reg&scope=repository%3Ateam%2Fapp%3Apull',
    ]);
    await expect((await open('wrong')).pullImage({ image: 'x@y' }, auth, signal)).rejects.toMatchObject({
      reason: 'invalidArgument',
    });
  });
});

async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  port: number,
  { cutAfterBytes, beforeCut }: { cutAfterBytes?: number; beforeCut?: () => Promise<void> } = {},
): Promise<void> {
  const headers = Object.fromEntries(
    ['accept', 'range'].flatMap((name) =>
      typeof request.headers[name] === 'string' ? [[name, request.headers[name]]] : [],
    ),
  );
  const answer = await fetch(`http://127.0.0.1:${port}${request.url}`, { method: request.method ?? 'GET', headers });
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  const body = Buffer.from(await answer.arrayBuffer());
  if (cutAfterBytes === undefined || body.length <= cutAfterBytes) response.end(body);
  else {
    await new Promise<void>((resolve) => response.write(body.subarray(0, cutAfterBytes), () => resolve()));
    await beforeCut?.();
    response.destroy();
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await systemClock.sleep(5, signal);
}

async function bytesOfPartials(store: string): Promise<number> {
  const ingest = join(store, 'images/ingest');
  const partials = (await readdir(ingest)).filter((name) => name.endsWith('.partial'));
  const sizes = await Promise.all(partials.map(async (name) => (await stat(join(ingest, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

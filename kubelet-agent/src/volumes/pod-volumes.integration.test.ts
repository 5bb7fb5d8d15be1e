import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigMap, Pod, Secret, Volume } from '@slipway/api/types';
import { neverAborted } from '@slipway/kit/abort';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { aContainer, aPod } from '../pods/testing/a-pod.ts';
import { MemoryApi } from '../pods/testing/memory-api.ts';
import type { Mounter } from './mounter.ts';
import { PodVolumes } from './pod-volumes.ts';
import { ReferencedObjects } from './referenced-objects.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';
import { mountSubPath } from './sub-path.ts';
import { volumeLayout } from './volume-layout.ts';

const signal = neverAborted;

describe('PodVolumes', () => {
  let directory: string;
  let api: MemoryApi;
  let clock: VirtualClock;
  let volumes: PodVolumes;
  let objects: ReferencedObjects;
  let tmpfs: Map<string, number | undefined>;
  let stop: AbortController;

  const mounter = (): Mounter => ({
    mountTmpfs: (target, { sizeBytes }) => void tmpfs.set(target, sizeBytes),
    bindMount: () => {},
    isMounted: async (target) => tmpfs.has(target),
    unmountBelow: async (below) => {
      for (const target of tmpfs.keys()) if (target.startsWith(below)) tmpfs.delete(target);
    },
  });
  const layout = () => volumeLayout(directory);

  beforeEach(async () => {
    stop = new AbortController();
    directory = await mkdtemp(join(tmpdir(), 'volumes-'));
    api = new MemoryApi();
    clock = new VirtualClock();
    tmpfs = new Map();
    const shared = { transport: api, clock, random: seededRandom(1), log: silentLogger };
    objects = new ReferencedObjects(shared);
    const tokens = new ServiceAccountTokens(api, clock);
    volumes = new PodVolumes({ ...shared, layout: layout(), mounter: mounter(), objects, tokens });
    await volumes.prepare();
  });
  afterEach(async () => {
    objects.close();
    await rm(directory, { recursive: true, force: true });
  });

  const podWith = (...list: Volume[]) =>
    aPod({ spec: { volumes: list, containers: [aContainer('c')] }, metadata: { labels: { app: 'web', tier: 'a"b' } } });
  const facts = (pod: Pod) => ({ pod, podIps: [], hostIps: ['192.0.2.1'], allocatable: { cpu: '2', memory: '1Gi' } });
  const setUp = async (pod: Pod) => {
    objects.retain(pod);
    await volumes.setUp(facts(pod), signal);
    return (name: string, ...path: string[]) => volumes.hostPath(facts(pod), name).then((root) => join(root, ...path));
  };
  const putMap = (data: Record<string, string>) =>
    api.put('configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'm', namespace: 'ns' },
      data,
    } as ConfigMap);
  const text = (path: string) => readFile(path, 'utf8');
  const until = async (condition: () => Promise<boolean>) => {
    for (let i = 0; i < 500; i++) {
      if (await condition()) return;
      await clock.advance(1);
    }
    throw new Error('condition not reached');
  };

  it('shows a config map by links that change all at once', async () => {
    putMap({ 'a.txt': 'one', b: 'two' });
    const path = await setUp(podWith({ name: 'v', configMap: { name: 'm', defaultMode: 0o440 } }));
    expect(await text(await path('v', 'a.txt'))).toBe('one');
    expect((await stat(await path('v', 'a.txt'))).mode & 0o777).toBe(0o440);
    expect(await readlink(await path('v', 'a.txt'))).toBe('..data/a.txt');
    expect(await readlink(await path('v', '..data'))).toMatch(/^\.\.2026_01_01_00_00_00\./);
  });

  it('follows a config map, adds and removes keys, and leaves one version only', async () => {
    putMap({ a: '1', b: '2' });
    const path = await setUp(podWith({ name: 'v', configMap: { name: 'm' } }));
    const running = volumes.run(stop.signal);
    putMap({ a: '3', c: '4' });
    const root = await path('v');
    await until(async () => (await text(join(root, 'a')).catch(() => '')) === '3');
    const left = [await readlink(join(root, '..data')), '..data', 'a', 'c'].sort().join();
    await until(async () => (await readdir(root)).sort().join() === left);
    stop.abort();
    await running;
  });

  it('says which object or key is missing, unless it is optional', async () => {
    const fails = (volume: Volume) => expect(setUp(podWith(volume))).rejects;
    await fails({ name: 'v', configMap: { name: 'm' } }).toThrow(
      'MountVolume.SetUp failed for volume "v" : configmap "m" not found',
    );
    await fails({ name: 'v', secret: { secretName: 's' } }).toThrow('secret "s" not found');
    putMap({ a: '1' });
    await fails({ name: 'v', configMap: { name: 'm', items: [{ key: 'x', path: 'x' }] } }).toThrow(
      'configmap references non-existent config key: x',
    );
    await fails({ name: 'v', configMap: { name: 'm', items: [{ key: 'a', path: '../a' }] } }).toThrow(
      'invalid path "../a"',
    );
    const path = await setUp(podWith({ name: 'v', configMap: { name: 'gone', optional: true } }));
    expect(await readdir(await path('v'))).toEqual([expect.stringMatching(/^\.\./), expect.stringMatching(/^\.\./)]);
  });

  it('keeps secrets in memory and puts items where they are asked for', async () => {
    api.put('secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'ns' },
      data: { key: 'c2VjcmV0' },
    } as Secret);
    const path = await setUp(
      podWith({ name: 'v', secret: { secretName: 's', items: [{ key: 'key', path: 'deep/er', mode: 0o400 }] } }),
    );
    expect(await path('v')).toBe(join(layout().memoryDirectory, 'uid-1', 'kubernetes.io~secret', 'v'));
    expect(await text(await path('v', 'deep', 'er'))).toBe('secret');
    expect((await stat(await path('v', 'deep', 'er'))).mode & 0o777).toBe(0o400);
    expect([...tmpfs.keys()]).toEqual([layout().memoryDirectory]);
  });

  it('projects token, config map and downward API into one directory, and renews the token', async () => {
    putMap({ 'ca.crt': 'pem' });
    const pod = podWith({
      name: 'v',
      projected: {
        sources: [
          { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
          { configMap: { name: 'm', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
        ],
      },
    });
    const path = await setUp(pod);
    expect((await readdir(await path('v'))).filter((name) => !name.startsWith('..')).sort()).toEqual([
      'ca.crt',
      'namespace',
      'token',
    ]);
    const first = await text(await path('v', 'token'));
    const running = volumes.run(stop.signal);
    await clock.advance(0.79 * 3600_000);
    expect(await text(await path('v', 'token'))).toBe(first);
    await clock.advance(0.02 * 3600_000);
    const file = await path('v', 'token');
    await until(async () => (await text(file)) !== first);
    stop.abort();
    await running;
  });

  it('tells labels and resources by the downward API', async () => {
    const path = await setUp(
      podWith({
        name: 'v',
        downwardAPI: {
          items: [
            { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
            { path: 'cpu', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu', divisor: '1m' } },
          ],
        },
      }),
    );
    expect(await text(await path('v', 'labels'))).toBe('app="web"\ntier="a\\"b"');
    expect(await text(await path('v', 'cpu'))).toBe('2000');
  });

  it('makes empty directories for everybody or for the group, once', async () => {
    const pod = podWith({ name: 'v', emptyDir: {} }, { name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } });
    const path = await setUp(pod);
    expect((await stat(await path('v'))).mode & 0o777).toBe(0o777);
    await writeFile(await path('v', 'kept'), 'x');
    await setUp(pod);
    expect(await text(await path('v', 'kept'))).toBe('x');
    expect(tmpfs.get(await path('m'))).toBe(1024 * 1024);
  });

  it('checks what is at a host path in the words of upstream', async () => {
    const file = join(directory, 'file');
    const hostPath = (path: string, type?: string) =>
      setUp(podWith({ name: 'v', hostPath: { path, ...(type ? { type } : {}) } }));
    await expect(hostPath(file, 'File')).rejects.toThrow(`hostPath type check failed: ${file} is not a file`);
    await hostPath(file, 'FileOrCreate');
    await hostPath(file, 'File');
    await expect(hostPath(file, 'Directory')).rejects.toThrow('is not a directory');
    await hostPath(join(directory, 'a/b'), 'DirectoryOrCreate');
    await hostPath(join(directory, 'a/b'), 'Directory');
    await expect(hostPath(join(directory, 'a'), 'Socket')).rejects.toThrow('is not a socket file');
    await hostPath('/dev/null', 'CharDevice');
    await hostPath(join(directory, 'made'));
    expect((await stat(join(directory, 'made'))).isDirectory()).toBe(true);
    const server = createServer().listen(join(directory, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    await hostPath(join(directory, 'socket'), 'Socket');
    await new Promise((resolve) => server.close(resolve));
  });

  it('refuses what it does not know', async () => {
    await expect(setUp(podWith({ name: 'v', nfs: { server: 'x', path: '/' } }))).rejects.toThrow(
      'volume type nfs is not supported by this node',
    );
  });

  it('takes everything away, and again', async () => {
    putMap({ a: '1' });
    await setUp(podWith({ name: 'v', emptyDir: {} }, { name: 'c', configMap: { name: 'm' } }));
    expect(volumes.isOnDisk('uid-1')).toBe(true);
    expect(await volumes.podsOnDisk()).toEqual(['uid-1']);
    await volumes.tearDown('uid-1');
    await volumes.tearDown('uid-1');
    expect(volumes.isOnDisk('uid-1')).toBe(false);
  });
});

describe('mountSubPath', () => {
  let root: string;
  const mounter: Mounter = {
    mountTmpfs: () => {},
    bindMount: () => {},
    isMounted: async () => false,
    unmountBelow: async () => {},
  };
  const mount = async (subPath: string, create = true) => {
    const seen: string[] = [];
    const remembers = { ...mounter, bindMount: (source: string) => void seen.push(source) };
    await mountSubPath({
      root: join(root, 'volume'),
      subPath,
      target: join(root, 'target', subPath.replaceAll('/', '_')),
      mounter: remembers,
      create,
    });
    return seen;
  };

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'subpath-'));
    await mkdir(join(root, 'volume/..v1'), { recursive: true });
    await writeFile(join(root, 'volume/..v1/app.conf'), 'conf');
    await symlink('..v1', join(root, 'volume/..data'));
    await symlink('..data/app.conf', join(root, 'volume/app.conf'));
    await writeFile(join(root, 'outside'), 'secret');
    await chmod(join(root, 'outside'), 0o600);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('mounts an open file, reached by links that stay inside', async () => {
    expect(await mount('app.conf')).toEqual([expect.stringMatching(/^\/proc\/self\/fd\/\d+$/)]);
    expect((await stat(join(root, 'target/app.conf'))).isFile()).toBe(true);
  });

  it('makes a directory that is missing', async () => {
    await mount('new/dir');
    expect((await stat(join(root, 'volume/new/dir'))).isDirectory()).toBe(true);
    expect((await stat(join(root, 'target/new_dir'))).isDirectory()).toBe(true);
  });

  it.each([
    ['../outside', "must be a relative path without '..'"],
    ['/etc', 'must be a relative path'],
    ['out', 'leaves the volume by a symbolic link'],
    ['abs', 'leaves the volume by a symbolic link'],
    ['loop', 'too many levels of symbolic links'],
    ['dir/up', 'leaves the volume by a symbolic link'],
  ])('does not leave the volume by %p', async (subPath, message) => {
    const volume = join(root, 'volume');
    await symlink('../outside', join(volume, 'out'));
    await symlink(join(root, 'outside'), join(volume, 'abs'));
    await symlink('loop', join(volume, 'loop'));
    await mkdir(join(volume, 'dir'));
    await symlink('../../outside', join(volume, 'dir/up'));
    await expect(mount(subPath)).rejects.toThrow(message);
  });
});

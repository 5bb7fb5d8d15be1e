import { existsSync, readdirSync } from 'node:fs';
import { lstat, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { createImageStore, type ImageStore } from './image-store.ts';
import { type TestEntry, type TestImage, writeDockerArchive, writeOciLayout } from './testing/test-archives.ts';

const signal = neverAborted;
const base: readonly TestEntry[] = [
  { name: './', type: 'directory', mode: 0o755 },
  { name: './bin/', type: 'directory', mode: 0o755 },
  { name: './bin/tool', mode: 0o4755, uid: 0, gid: 50, content: 'tool' },
  { name: './bin/hard', type: 'link', linkname: './bin/tool' },
  { name: './bin/soft', type: 'symlink', linkname: '/bin/tool' },
  { name: './etc/config', content: 'old' },
  { name: './opt/a', content: 'a' },
];
const change: readonly TestEntry[] = [
  { name: 'etc/config', content: 'new', uid: 1000, gid: 1000 },
  { name: 'bin/.wh.hard' },
  { name: 'opt/', type: 'directory', mode: 0o700 },
  { name: 'opt/.wh..wh..opq' },
  { name: 'opt/b', content: 'b' },
];
const image: TestImage = { layers: [base, change], config: { Cmd: ['/bin/tool'], Env: null, User: '1000:1000' } };

describeWith(missingCapability({ root: true }), 'image store', () => {
  let dataDir: string;
  let store: ImageStore;
  const open = () =>
    createImageStore(
      { clock: systemClock, random: systemRandom, log: silentLogger, fetch: globalThis.fetch },
      { dataDir },
    );
  const file = (name: string) => join(dataDir, name);
  const layersOf = async (name: string) => (await store.hold(name, 'test', signal)).layers;
  const leftovers = () => readdirSync(join(dataDir, 'images', 'ingest'));

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'slipway-images-'));
    store = await open();
  });

  afterEach(async () => {
    await rm(dataDir, { recursive: true, force: true });
  });

  it.each(['app.tar', 'app.tar.gz'])(
    'loads a docker-archive (%s) with its owners, modes, links and whiteouts',
    async (name) => {
      await writeDockerArchive(file(name), image, ['app:1', 'localhost/other:2']);
      const [loaded] = await store.load(file(name), {}, signal);
      expect(loaded).toMatchObject({ repoTags: ['docker.io/library/app:1', 'localhost/other:2'], uid: 1000 });
      const [upper = '', lower = ''] = await layersOf('app:1');
      expect(await readFile(join(lower, 'bin/tool'), 'utf8')).toBe('tool');
      const tool = await lstat(join(lower, 'bin/tool'));
      expect([tool.mode & 0o7777, tool.gid, tool.nlink, tool.mtimeMs]).toEqual([0o4755, 50, 2, 1_000_000_000_000]);
      expect(await readlink(join(lower, 'bin/soft'))).toBe('/bin/tool');
      const hidden = await lstat(join(upper, 'bin/hard'));
      expect([hidden.isCharacterDevice(), hidden.rdev]).toEqual([true, 0]);
      expect((await lstat(join(upper, 'opt'))).mode & 0o7777).toBe(0o700);
      expect((await lstat(join(upper, 'etc/config'))).uid).toBe(1000);
      expect(leftovers()).toEqual([]);
    },
  );

  it('gives overlayfs what it needs to merge the layers', async () => {
    await writeDockerArchive(file('app.tar'), image, ['app:1']);
    await store.load(file('app.tar'), {}, signal);
    const lower = (await layersOf('app:1')).join(':');
    const script = `mount -t overlay -o ro,lowerdir=${lower} overlay ${dataDir}/images/ingest && cd ${dataDir}/images/ingest && find . | sort && cat etc/config`;
    const { stdout } = await exec('unshare', ['--mount', 'sh', '-c', script], { signal });
    expect(stdout.toString().trim().split('\n')).toEqual([
      '.',
      './bin',
      './bin/soft',
      './bin/tool',
      './etc',
      './etc/config',
      './opt',
      './opt/b',
      'new',
    ]);
  });

  it.each(['none', 'gzip', 'zstd'] as const)(
    'loads an OCI layout with layers compressed by %s',
    async (compression) => {
      await writeOciLayout(file('my-app.tar'), image, { name: '1.2', compression });
      const [loaded] = await store.load(file('my-app.tar'), {}, signal);
      expect(loaded?.repoTags).toEqual(['docker.io/library/my-app:1.2']);
      expect(await readFile(join((await layersOf('my-app:1.2'))[0] ?? '', 'opt/b'), 'utf8')).toBe('b');
    },
  );

  it('shares layers, whatever archive they come from', async () => {
    await writeDockerArchive(file('a.tar'), image, ['a:1']);
    await writeOciLayout(file('b.tar'), { layers: [base] }, { name: 'b:1', compression: 'gzip' });
    await store.load(file('a.tar'), {}, signal);
    await store.load(file('b.tar'), {}, signal);
    expect((await layersOf('b:1'))[0]).toBe((await layersOf('a:1'))[1]);
    expect(readdirSync(join(dataDir, 'images', 'layers'))).toHaveLength(2);
  });

  it('moves a tag to the image that was loaded last, and finds images in every spelling', async () => {
    await writeDockerArchive(file('one.tar'), image, ['app:1']);
    await writeDockerArchive(file('two.tar'), { layers: [base] }, ['app:1']);
    const [one] = await store.load(file('one.tar'), {}, signal);
    const [two] = await store.load(file('two.tar'), { name: 'localhost/extra' }, signal);
    const find = async (text: string) => (await store.imageStatus({ image: text }, signal))?.id;
    for (const text of [
      'app:1',
      'docker.io/app:1',
      'docker.io/library/app:1',
      two?.id ?? '',
      (two?.id ?? '').slice(7, 20),
    ]) {
      expect(await find(text)).toBe(two?.id);
    }
    expect(await find('localhost/extra')).toBe(two?.id);
    expect(await find('app:2')).toBeUndefined();
    expect((await store.imageStatus({ image: one?.id ?? '' }, signal))?.repoTags).toEqual([]);
  });

  it('removes names, then images, then what nobody refers to; what a container holds stays', async () => {
    await writeDockerArchive(file('app.tar'), image, ['app:1', 'app:2']);
    const [{ id } = { id: '' }] = await store.load(file('app.tar'), {}, signal);
    const other = await open(); // as another process
    await store.removeImage({ image: 'app:1' }, signal);
    expect((await other.imageStatus({ image: id }, signal))?.repoTags).toEqual(['docker.io/library/app:2']);
    const { layers } = await other.hold('app:2', 'container', signal);
    await store.removeImage({ image: 'app:2' }, signal);
    expect(layers.every((layer) => existsSync(layer))).toBe(true);
    await expect(store.hold('app:2', 'late', signal)).rejects.toMatchObject({ reason: 'imageNotFound' });
    await other.release('container');
    await store.removeImage({ image: id }, signal);
    await store.removeImage({ image: id }, signal);
    expect(layers.some((layer) => existsSync(layer))).toBe(false);
    for (const directory of ['blobs/sha256', 'layers', 'layer-info', 'images', 'names', 'leases']) {
      expect(readdirSync(join(dataDir, 'images', directory))).toEqual([]);
    }
  });

  const outside = (entries: readonly TestEntry[]) => [{ name: 'etc/', type: 'directory' as const }, ...entries];
  it.each<[string, readonly TestEntry[]]>([
    ['a name with ..', [{ name: '../../escaped', content: 'x' }]],
    [
      'a link in a name that leads out',
      outside([
        { name: 'out', type: 'symlink', linkname: '../../../..' },
        { name: 'out/escaped', content: 'x' },
      ]),
    ],
    [
      'a hard link to something outside',
      outside([{ name: 'passwd', type: 'link', linkname: '../../../../../etc/passwd' }]),
    ],
    ['a hard link to what is not there', outside([{ name: 'passwd', type: 'link', linkname: 'etc/passwd' }])],
    ['a whiteout of the parent', [{ name: 'etc/.wh...' }]],
    [
      'a file in the place of a directory',
      [
        { name: 'a', content: 'x' },
        { name: 'a/b', content: 'y' },
      ],
    ],
  ])('refuses a layer with %s', async (_, entries) => {
    await writeDockerArchive(file('bad.tar'), { layers: [base, entries] }, ['bad:1']);
    await expect(store.load(file('bad.tar'), {}, signal)).rejects.toMatchObject({ reason: 'imageCorrupt' });
    expect(await store.listImages({}, signal)).toEqual([]);
    expect(leftovers()).toEqual([]);
    expect(existsSync(join(dataDir, 'escaped'))).toBe(false);
  });

  it('follows an absolute link inside the layer, not on the host', async () => {
    const entries: TestEntry[] = [
      { name: 'usr/lib/', type: 'directory' },
      { name: 'lib', type: 'symlink', linkname: '/usr/lib' },
      { name: 'lib/x', content: 'inside' },
    ];
    await writeDockerArchive(file('app.tar'), { layers: [entries] }, ['app:1']);
    await store.load(file('app.tar'), {}, signal);
    expect(await readFile(join((await layersOf('app:1'))[0] ?? '', 'usr/lib/x'), 'utf8')).toBe('inside');
    expect(existsSync('/usr/lib/x')).toBe(false);
  });

  it.each(['manifest', 'config', 'layer'])('refuses a damaged %s', async (part) => {
    const damage = (blob: Buffer, what: string) =>
      what === part ? Buffer.concat([blob.subarray(0, -2), Buffer.from('xx')]) : blob;
    await writeOciLayout(file('app.tar'), image, { name: 'app:1', compression: 'gzip', damage });
    await expect(store.load(file('app.tar'), {}, signal)).rejects.toMatchObject({ reason: 'imageCorrupt' });
    expect(await store.listImages({}, signal)).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  it('says what a file is that is no image', async () => {
    await writeFile(file('cut.tar'), 'x'.repeat(2000));
    await expect(store.load(file('cut.tar'), {}, signal)).rejects.toMatchObject({ reason: 'imageCorrupt' });
    await writeFile(file('empty.tar'), Buffer.alloc(1024));
    await expect(store.load(file('empty.tar'), {}, signal)).rejects.toMatchObject({ reason: 'invalidArgument' });
    await expect(store.load(file('none.tar'), {}, signal)).rejects.toMatchObject({ reason: 'notFound' });
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { openEmbeddedStore } from './embedded-store.ts';

const { signal } = new AbortController();
const options = { signal, cause: '{}' };
const isRoot = process.getuid?.() === 0;

(isRoot ? describe : describe.skip)(`full disk${isRoot ? '' : ' (skipped: needs root to mount a tmpfs)'}`, () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-full-'));
    await exec('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', directory], { signal });
  });
  afterAll(async () => {
    await exec('umount', [directory], { signal });
    await rm(directory, { recursive: true, force: true });
  });

  it('refuses writes with the reason, goes on reading, and recovers when there is room', async () => {
    const store = await openEmbeddedStore({ directory: join(directory, 'store'), clock: systemClock });
    const key = (i: number) => `/registry/a/b/${i}`;
    const value = Buffer.alloc(20_000, 7);
    const revisions: bigint[] = [];
    let failure: unknown;
    for (let i = 0; failure === undefined; i++) {
      try {
        const result = await store.write(key(i), value, 0n, options);
        if (result.outcome === 'written') revisions.push(result.revision);
      } catch (error) {
        failure = error;
      }
    }
    expect(failure).toMatchObject({ name: 'StorageError', reason: 'full' });
    expect(String(failure)).toContain('no space left for');
    const several = await Promise.allSettled([1, 2, 3].map((i) => store.write(`/registry/c/${i}`, value, 0n, options)));
    expect(several.map((s) => s.status === 'rejected' && s.reason.reason)).toEqual(['full', 'full', 'full']);
    for (const [i, revision] of revisions.entries()) {
      expect((await store.get(key(i), { signal })).entry?.modRevision).toBe(revision);
    }

    const removed = await store.remove(key(0), revisions[0] ?? 0n, options);
    expect(removed.outcome).toBe('written');
    await store.compact(removed.outcome === 'written' ? removed.revision : 0n, signal);

    await exec('mount', ['-o', 'remount,size=32m', directory], { signal });
    await systemClock.sleep(1_000, signal); // the pause after a refusal
    expect((await store.write('/registry/c/1', value, 0n, options)).outcome).toBe('written');
    expect((await store.list({ from: '/registry/a/', to: '/registry/a0' }, { limit: 0, signal })).entries).toHaveLength(
      revisions.length - 1,
    );
    await store.close();
  }, 30_000);
});

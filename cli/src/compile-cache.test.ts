import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pruneCompileCache } from './compile-cache.ts';

describe('pruneCompileCache', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-compiled-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function folder(name: string, files: number, second: number): Promise<void> {
    await mkdir(join(directory, name));
    for (let i = 0; i < files; i++) {
      await writeFile(join(directory, name, `${i}`), '');
      await utimes(join(directory, name, `${i}`), second + i, second + i);
    }
    await utimes(join(directory, name), second, second);
  }

  it('keeps the newest folders, and the newest files of one that is too large', async () => {
    await folder('old', 1, 1_000);
    await folder('small', 4, 2_000);
    await folder('large', 9, 3_000);
    await pruneCompileCache(directory, { filesMax: 8, foldersMax: 2 });
    expect((await readdir(directory)).toSorted()).toEqual(['large', 'small']);
    expect(await readdir(join(directory, 'small'))).toHaveLength(4);
    expect((await readdir(join(directory, 'large'))).toSorted()).toEqual(['5', '6', '7', '8']);
  });
});

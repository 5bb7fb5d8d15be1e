/**
 * What Node keeps of the sources it compiled (see `cli/bin/slipway`): one file for each source and each of its versions, in a folder for
 * each version of Node. Node never takes any of them away.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { flushCompileCache, getCompileCacheDir } from 'node:module';
import { basename, dirname, join } from 'node:path';

/** A run has about 1,500 sources; several versions of them may take turns on one machine. */
const filesMax = 8_000;
/** Files of other versions of Node are of no use to this one, but may be to another clone. */
const foldersMax = 3;

/** Writes what was compiled so far (Node would at the end of the process only, and a killed one has none), and bounds what is kept. */
export async function keepCompileCache(): Promise<void> {
  flushCompileCache();
  const folder = getCompileCacheDir();
  // Somewhere else it is not ours alone.
  if (folder === undefined || basename(dirname(folder)) !== 'compiled') return;
  await pruneCompileCache(dirname(folder), { filesMax, foldersMax });
}

/** Takes away the oldest folders beyond `foldersMax`, and the older half of the files of a folder that has more than `filesMax`. */
export async function pruneCompileCache(
  directory: string,
  { filesMax, foldersMax }: { readonly filesMax: number; readonly foldersMax: number },
): Promise<void> {
  const folders = await newestFirst(directory);
  await Promise.all(folders.slice(foldersMax).map((folder) => rm(folder, { recursive: true, force: true })));
  for (const folder of folders.slice(0, foldersMax)) {
    if ((await readdir(folder)).length <= filesMax) continue;
    const files = await newestFirst(folder);
    await Promise.all(files.slice(Math.floor(filesMax / 2)).map((file) => rm(file, { force: true })));
  }
}

/** What vanishes meanwhile is another process's doing. */
async function newestFirst(directory: string): Promise<string[]> {
  const paths = (await readdir(directory)).map((name) => join(directory, name));
  const dated = await Promise.all(
    paths.map(async (path) => ({
      path,
      changedMs: await stat(path).then(
        (found) => found.mtimeMs,
        () => 0,
      ),
    })),
  );
  return dated.toSorted((a, b) => b.changedMs - a.changedMs).map(({ path }) => path);
}

/**
 * A power cut cannot be had in a test, but what it rests on can be seen: between taking a write and acknowledging it the
 * process waits for the disk. `strace` shows the order of system calls.
 */
import { accessSync, constants } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exec } from '@slipway/kit/exec';

const { signal } = new AbortController();
const script = fileURLToPath(new URL('../conformance/write-a-few.ts', import.meta.url));
const hasStrace = (process.env.PATH ?? '').split(delimiter).some((directory) => {
  try {
    accessSync(join(directory, 'strace'), constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

(hasStrace ? describe : describe.skip)(`durability${hasStrace ? '' : ' (skipped: no strace on the PATH)'}`, () => {
  it('syncs data, then the meta page, before each acknowledgement', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slipway-durable-'));
    const trace = join(directory, 'trace');
    const calls = 'trace=openat,pwrite64,pwritev,fdatasync,write';
    const args = ['-f', '-e', calls, '-o', trace, process.execPath, script, join(directory, 'store')];
    await exec('strace', args, { signal, env: process.env });
    const lines = (await readFile(trace, 'utf8')).split('\n');
    const synced = lines.map((line) => /openat\(.*\/data", .*O_DSYNC.*= (\d+)/.exec(line)?.[1]).find(Boolean);
    expect(synced).toBeDefined();
    const acknowledgements = lines.flatMap((line, i) => (line.includes('"acknowledged') ? [i] : []));
    expect(acknowledgements).toHaveLength(3);
    let from = lines.findIndex((line) => line.includes('"begin'));
    for (const acknowledged of acknowledgements) {
      const between = lines.slice(from, acknowledged);
      const sync = between.findIndex((line) => /fdatasync\(\d+\)\s+= 0|fdatasync resumed>.*= 0/.test(line));
      const meta = between.findLastIndex((line) => line.includes(`pwrite64(${synced},`));
      expect(sync).toBeGreaterThanOrEqual(0);
      expect(meta).toBeGreaterThan(sync);
      from = acknowledged;
    }
    await rm(directory, { recursive: true, force: true });
  }, 30_000);
});

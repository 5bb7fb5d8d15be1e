import { appendFile, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { type LogOptions, readContainerLog, readLastLines } from './container-log.ts';
import { logRotation, rotateLog } from './log-rotation.ts';

const time = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000001Z`;
const entry = (second: number, text: string, tag = 'F', stream = 'stdout') =>
  `${time(second)} ${stream} ${tag} ${text}\n`;

describe('readContainerLog', () => {
  let directory: string;
  let path: string;
  let running: boolean;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'log-'));
    path = join(directory, '0.log');
    running = false;
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const read = async (options: Partial<LogOptions> = {}) => {
    const source = { path, isRunning: async () => running, clock: systemClock };
    const parts: Buffer[] = [];
    for await (const part of readContainerLog(source, { follow: false, timestamps: false, ...options }, neverAborted))
      parts.push(part);
    return Buffer.concat(parts).toString();
  };

  it('joins parts of a line, each stream for itself', async () => {
    await writeFile(
      path,
      entry(1, 'long ', 'P') + entry(1, 'err', 'F', 'stderr') + entry(2, 'line') + entry(3, 'next'),
    );
    expect(await read()).toBe('long err\nline\nnext\n');
    expect(await read({ stream: 'stdout' })).toBe('long line\nnext\n');
  });

  it('puts the time before each line and not before its later parts', async () => {
    await writeFile(path, entry(1, 'a', 'P') + entry(2, 'b') + entry(3, 'c'));
    expect(await read({ timestamps: true })).toBe(`${time(1)} ab\n${time(3)} c\n`);
  });

  it.each([
    [{ tailLines: 0 }, ''],
    [{ tailLines: 1 }, 'four\n'],
    [{ tailLines: 3 }, 'two\nthree\nfour\n'],
    [{ tailLines: 9 }, 'one\ntwo\nthree\nfour\n'],
    [{ sinceMs: Date.parse('2026-01-01T00:00:03Z') }, 'three\nfour\n'],
    [{ limitBytes: 6 }, 'one\ntw'],
    [{ tailLines: 2, limitBytes: 3 }, 'thr'],
  ])('reads %p, across files that were rotated away', async (options, text) => {
    await writeFile(`${path}.20260101-000001.gz`, await promisify(gzip)(entry(1, 'one')));
    await writeFile(`${path}.20260101-000002`, entry(2, 'two'));
    await writeFile(path, entry(3, 'three') + entry(4, 'four'));
    expect(await read(options)).toBe(text);
  });

  it('counts a line of several parts once', async () => {
    await writeFile(path, entry(1, 'x') + entry(2, 'a', 'P') + entry(2, 'b', 'P') + entry(3, 'c') + entry(4, 'd'));
    expect(await read({ tailLines: 2 })).toBe('abc\nd\n');
  });

  it('follows through a rotation until the container ends', async () => {
    running = true;
    await writeFile(path, entry(1, 'one'));
    const reading = read({ follow: true });
    await appendFile(path, entry(2, 'two'));
    await rename(path, `${path}.20260101-000003`);
    await writeFile(path, entry(3, 'three'));
    running = false;
    await appendFile(path, entry(4, 'four'));
    expect(await reading).toBe('one\ntwo\nthree\nfour\n');
  });

  it('reads nothing where there is no file', async () => {
    expect(await read()).toBe('');
  });

  it('gives the last words within bounds', async () => {
    await writeFile(path, Array.from({ length: 200 }, (_, i) => entry(1, `line ${i}`)).join(''));
    expect(await readLastLines(path, { lines: 2, bytes: 100 })).toBe('line 198\nline 199\n');
    expect(await readLastLines(path, { lines: 80, bytes: 5 })).toBe(' 199\n');
  });
});

describe('rotateLog', () => {
  it('has the runtime open a new file, packs the older ones and drops the oldest', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rotate-'));
    const path = join(directory, '0.log');
    const clock = new VirtualClock();
    const runtime = {
      listContainers: async () => [],
      containerStatus: async () => Promise.reject(new Error('not asked')),
      reopenContainerLog: () => writeFile(path, ''),
    };
    for (let i = 0; i < 7; i++) {
      await writeFile(path, entry(i, `text ${i}`));
      await rotateLog(path, 'c', { runtime, clock, log: silentLogger }, neverAborted);
      await clock.advance(1000);
    }
    expect((await readdir(directory)).sort()).toEqual([
      '0.log',
      '0.log.20260101-000003.gz',
      '0.log.20260101-000004.gz',
      '0.log.20260101-000005.gz',
      '0.log.20260101-000006',
    ]);
    expect(logRotation.filesMax).toBe(5);
    await rm(directory, { recursive: true, force: true });
  });
});

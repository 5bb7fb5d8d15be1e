/**
 * The real files of the store, torn: copied while it writes, as a crash would leave them, and cut at a random place, as a
 * broken disk would. What was acknowledged is there, or the store says that it is damaged; it is never quietly less.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { type Random, seededRandom } from '@slipway/kit/random';
import { type Backend, StorageError } from '../backend.ts';
import { rangeOfPrefix } from '../keys.ts';
import { openEmbeddedStore } from './embedded-store.ts';

const options = { signal: neverAborted, cause: '{}' };
const range = rangeOfPrefix('/registry/torn/');
const writers = 8;

type Acknowledged = Map<string, string>;

/** Writes without end, new keys and old ones, and notes what was acknowledged. */
async function write(backend: Backend, number: number, acknowledged: Acknowledged, stop: () => boolean): Promise<void> {
  const key = `/registry/torn/w${number}`;
  let revision = 0n;
  for (let i = 0; !stop(); i++) {
    const value = `${number}.${i} ${'x'.repeat((i * 131 + number) % 3_000)}`;
    const result = await backend.write(key, Buffer.from(value), revision, options);
    if (result.outcome !== 'written') throw new Error(`nobody else writes ${key}`);
    revision = result.revision;
    acknowledged.set(key, value);
    const once = await backend.write(`${key}.${i}`, Buffer.from(value), 0n, options);
    if (once.outcome === 'written') acknowledged.set(`${key}.${i}`, value);
  }
}

interface Torn {
  readonly bytes: Buffer;
  readonly acknowledged: Acknowledged;
}

/** The data file as it lies there at moments that nobody chose. The thread stands still meanwhile; the commit that is under way does not. */
async function tornCopies(directory: string, random: Random, count: number): Promise<Torn[]> {
  const backend = await openEmbeddedStore({ directory, clock: systemClock });
  const acknowledged: Acknowledged = new Map();
  let isOver = false;
  const writing = Array.from({ length: writers }, (_, number) => write(backend, number, acknowledged, () => isOver));
  const copies: Torn[] = [];
  for (let i = 0; i < count; i++) {
    await systemClock.sleep(5 + random.next() * 30, neverAborted);
    copies.push({ acknowledged: new Map(acknowledged), bytes: readFileSync(join(directory, 'data')) });
  }
  isOver = true;
  await Promise.all(writing);
  await backend.close();
  return copies;
}

/** What of it is missing when the file is opened; undefined when the store says itself that it is damaged. */
async function missingIn(directory: string, bytes: Buffer, acknowledged: Acknowledged): Promise<string[] | undefined> {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'data'), bytes);
  let backend: Backend | undefined;
  try {
    backend = await openEmbeddedStore({ directory, clock: systemClock });
    const { entries } = await backend.list(range, { limit: 0, signal: neverAborted });
    const found = new Map(entries.map(({ key, value }) => [key, Buffer.from(value).toString()]));
    // A write that was under way at that moment may have come after one that was acknowledged.
    return [...acknowledged].filter(([key, value]) => !isSameOrLater(found.get(key), value)).map(([key]) => key);
  } catch (error) {
    if (error instanceof StorageError && error.reason === 'corrupt') return undefined;
    throw error;
  } finally {
    await backend?.close();
    rmSync(directory, { recursive: true });
  }
}

function isSameOrLater(found: string | undefined, acknowledged: string): boolean {
  const numberIn = (value: string) => Number(value.split(' ', 1)[0]?.split('.')[1]);
  return found === acknowledged || (found !== undefined && numberIn(found) > numberIn(acknowledged));
}

describe('a torn data file', () => {
  let directory = '';
  let copies: Torn[] = [];
  const random = seededRandom(7);
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'slipway-torn-'));
    copies = await tornCopies(join(directory, 'store'), random, 20);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('has all that was acknowledged, at whatever moment the process ended', async () => {
    expect(copies.at(-1)?.acknowledged.size).toBeGreaterThan(writers);
    for (const { bytes, acknowledged } of copies) {
      expect(await missingIn(join(directory, 'copy'), bytes, acknowledged)).toEqual([]);
    }
  });

  it('is complete or is said to be damaged, wherever it was cut off', async () => {
    let damaged = 0;
    for (const { bytes, acknowledged } of copies) {
      const cut = bytes.subarray(0, Math.floor(bytes.length * random.next()));
      const missing = await missingIn(join(directory, 'cut'), cut, acknowledged);
      expect(missing ?? []).toEqual([]);
      if (!missing) damaged++;
    }
    expect(damaged).toBeGreaterThan(0);
  });
});

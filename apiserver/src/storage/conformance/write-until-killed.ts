/**
 * Writes to a store with many writers at once until it is killed, and notes every acknowledged write in a file.
 * Arguments: key prefix, file, then `embedded DIRECTORY` or `etcd ENDPOINT`.
 */
import { openSync, writeSync } from 'node:fs';
import { systemClock } from '@slipway/kit/clock';
import { openEmbeddedStore } from '../embedded/embedded-store.ts';
import { openEtcdStore } from '../etcd/etcd-store.ts';

const [prefix = '', acknowledgedFile = '', kind = '', place = ''] = process.argv.slice(2);
const backend =
  kind === 'embedded'
    ? await openEmbeddedStore({ directory: place, clock: systemClock })
    : openEtcdStore({ endpoints: [place], clock: systemClock });
const file = openSync(acknowledgedFile, 'a');
const { signal } = new AbortController();
const cause = '{"verb":"create"}';

async function writer(number: number): Promise<never> {
  let revision = 0n;
  for (let i = 0; ; i++) {
    // Some keys are written again and again, some once, some deleted.
    const key = i % 3 === 0 ? `w${number}-${i}` : `w${number}`;
    const value = `${number}.${i} ${'x'.repeat((i * 37) % 5_000)}`;
    const result = await backend.write(prefix + key, Buffer.from(value), key === `w${number}` ? revision : 0n, {
      signal,
      cause,
    });
    if (result.outcome !== 'written') throw new Error(`lost a race on ${key}`);
    writeSync(file, `${JSON.stringify({ key, revision: String(result.revision), value })}\n`);
    if (key === `w${number}`) revision = result.revision;
    else if (i % 2 === 0) await backend.remove(prefix + key, result.revision, { signal, cause });
  }
}

await Promise.all(Array.from({ length: 16 }, (_, number) => writer(number)));

/** Writes three entries one after the other to the embedded store in a directory, and says when each is acknowledged. */
import { writeSync } from 'node:fs';
import { systemClock } from '@slipway/kit/clock';
import { openEmbeddedStore } from '../embedded/embedded-store.ts';

const backend = await openEmbeddedStore({ directory: process.argv[2] ?? '', clock: systemClock });
const { signal } = new AbortController();
writeSync(1, 'begin\n');
for (let i = 0; i < 3; i++) {
  await backend.write(`/registry/suite/${i}`, Buffer.alloc(3_000, i), 0n, { signal, cause: '{}' });
  writeSync(1, `acknowledged ${i}\n`);
}
await backend.close();

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDiskStore } from './disk-store.ts';
import { createMemoryStore } from './memory-store.ts';
import { describeReservationStore } from './reservation-store.suite.ts';

const directories: string[] = [];

afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

describeReservationStore('disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'reservations-'));
  directories.push(directory);
  return createDiskStore(join(directory, 'network'));
});

describeReservationStore('memory', async () => createMemoryStore());

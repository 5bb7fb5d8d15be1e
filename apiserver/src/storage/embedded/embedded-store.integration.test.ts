import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@slipway/kit/clock';
import { type BackendFixture, describeBackend } from '../conformance/backend.suite.ts';
import { describeObjectStore } from '../conformance/object-store.suite.ts';
import { openEmbeddedStore } from './embedded-store.ts';

async function createFixture(): Promise<BackendFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-embedded-'));
  return {
    open: () => openEmbeddedStore({ directory, clock: systemClock }),
    dispose: () => rm(directory, { recursive: true, force: true }),
    ttlMs: 150,
    childArguments: ['embedded', directory],
  };
}

describeBackend('embedded', createFixture);
describeObjectStore('embedded', createFixture);

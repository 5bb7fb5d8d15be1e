import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseQuantity } from '@slipway/api/quantity';
import { StatusError } from '@slipway/api/status-error';
import type { KubeObject, ResourceQuota } from '@slipway/api/types';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import type { Backend } from '../../storage/backend.ts';
import { createObjectStore } from '../../storage/create-object-store.ts';
import { openEmbeddedStore } from '../../storage/embedded/embedded-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { type Charge, QuotaKeeper } from './quota-keeper.ts';

const { signal } = new AbortController();
const write = { signal, cause: { user: 'tester' } };

/** Two API servers on one store. */
describe('two keepers of the same quotas', () => {
  let directory: string;
  let backend: Backend;
  let stores: ObjectStore[];
  let keepers: QuotaKeeper[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-quota-'));
    backend = await openEmbeddedStore({ directory, clock: systemClock });
    const open = () => createObjectStore({ backend, clock: systemClock, log: silentLogger, signal });
    stores = await Promise.all([open(), open()]);
    keepers = stores.map((store) => new QuotaKeeper(store));
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await backend.close();
    await rm(directory, { recursive: true });
  });

  async function quota(namespace: string, name: string, pods: string): Promise<void> {
    const object: ResourceQuota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace, name, uid: `${namespace}-${name}` },
      spec: { hard: { pods } },
      status: { hard: { pods }, used: { pods: '0' } },
    };
    await stores[0]?.create(`/registry/core/resourcequotas/${namespace}/${name}`, object as KubeObject, write);
  }

  const charge = (namespace: string): Charge => ({
    namespace,
    usage: new Map([['pods', parseQuantity('1')]]),
    dryRun: false,
    concerns: () => true,
    refuse: (reason) => new StatusError('Forbidden', reason),
  });
  const usedOf = async (namespace: string, name: string) => {
    const stored = await stores[1]?.get(`/registry/core/resourcequotas/${namespace}/${name}`, { signal });
    return (stored?.object as ResourceQuota | undefined)?.status?.used?.pods;
  };
  const takeAll = (namespace: string, count: number) =>
    Promise.allSettled(Array.from({ length: count }, (_, i) => keepers[i % 2]?.take(charge(namespace))));

  it('never give away more than there is', async () => {
    await quota('one', 'q', '30');
    const results = await takeAll('one', 100);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(30);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(new Set(refused.map(({ reason }) => (reason as Error).message))).toEqual(
      new Set(['exceeded quota: q, requested: pods=1, used: pods=30, limited: pods=30']),
    );
    expect(await usedOf('one', 'q')).toBe('30');
  });

  it('charge every quota that a write concerns, and take back what a full one refuses', async () => {
    await quota('two', 'large', '50');
    await quota('two', 'small', '7');
    const results = await takeAll('two', 40);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
    expect([await usedOf('two', 'large'), await usedOf('two', 'small')]).toEqual(['7', '7']);
  });

  it('give back what was not stored', async () => {
    await quota('three', 'q', '5');
    const taken = await keepers[0]?.take(charge('three'));
    await keepers[1]?.take(charge('three'));
    await keepers[0]?.giveBack('three', charge('three').usage, taken ?? new Set());
    expect(await usedOf('three', 'q')).toBe('1');
  });
});

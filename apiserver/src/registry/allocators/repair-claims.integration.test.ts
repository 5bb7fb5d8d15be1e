import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Service } from '@slipway/api/types';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { createObjectStore } from '../../storage/create-object-store.ts';
import { openEmbeddedStore } from '../../storage/embedded/embedded-store.ts';
import { allocateService } from './allocate-service.ts';
import { Claims } from './claims.ts';
import { repairClaims } from './repair-claims.ts';
import { createServiceAllocators } from './service-allocators.ts';

const { signal } = new AbortController();
const everyMs = 180_000;

const service = (name: string, spec: Partial<Service['spec']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', uid: `uid-of-${name}` },
  spec: { type: 'NodePort', ports: [{ port: 80 }], ...spec },
});

async function createFixture() {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-claims-'));
  const backend = await openEmbeddedStore({ directory, clock: systemClock });
  const objects = await createObjectStore({ backend, clock: systemClock, log: silentLogger, signal });
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const claims = new Claims({ objects, clock, random, log: silentLogger });
  const allocate = (draft: Service | undefined, old?: Service) => {
    const allocators = createServiceAllocators({ serviceCidr: '10.96.0.0/24', claims });
    return allocateService(allocators, draft, old, { random, dryRun: false });
  };
  const store = async (draft: Service) => {
    const key = `/registry/core/services/default/${draft.metadata.name}`;
    const result = await objects.create(key, structuredClone(draft), { signal, cause: {} });
    if (result.outcome !== 'written') throw new Error('conflict');
    return result.stored;
  };
  const names = () =>
    ['networking.k8s.io/ipaddresses', 'slipway.dev/nodeports'].flatMap((resource) =>
      Array.from(objects.cachedList(`/registry/${resource}/`), ({ object }) => object.metadata.name),
    );
  const repairing = new AbortController();
  const repair = () => repairClaims({ claims, objects, clock, log: silentLogger, everyMs }, repairing.signal);
  /** Until the repair sleeps again. */
  const looked = async () => {
    while (clock.nextTimerMs() === undefined) await new Promise((resolve) => setImmediate(resolve));
  };
  const stop = async () => {
    repairing.abort();
    await objects.close();
    await backend.close();
    await rm(directory, { recursive: true });
  };
  return { objects, clock, claims, allocate, store, names, repair, looked, stop };
}

describe('claims', () => {
  let fixture: Awaited<ReturnType<typeof createFixture>>;
  beforeEach(async () => {
    fixture = await createFixture();
  });
  afterEach(() => fixture.stop());

  it('of a Service that was never stored are removed at the second look', async () => {
    const { allocate, names, repair, looked, clock } = fixture;
    const draft = service('lost');
    await allocate(draft); // neither committed nor rolled back: the server died, or never heard of the write
    const held = [draft.spec.clusterIP, String(draft.spec.ports?.[0]?.nodePort)];
    void repair();
    await looked();
    expect(names()).toEqual(held);
    await clock.advance(everyMs);
    await looked();
    expect(names()).toEqual([]);
  });

  it('of a stored Service are made when they are missing, and never removed', async () => {
    const { allocate, store, objects, names, repair, looked, clock } = fixture;
    const draft = service('kept');
    await allocate(draft);
    await store(draft);
    const held = names();
    const key = `/registry/networking.k8s.io/ipaddresses/${draft.spec.clusterIP}`;
    const claim = objects.cached(key);
    if (claim) await objects.remove(key, claim, { signal, cause: {} });
    expect(names()).toHaveLength(1);
    void repair();
    await looked();
    for (let look = 0; look < 3; look++) {
      await clock.advance(everyMs);
      await looked();
      expect(names()).toEqual(held);
    }
  });

  it('outlive the attempt that failed when another request stored the same Service', async () => {
    const { allocate, store, names } = fixture;
    const spec = { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], ports: [{ port: 80, nodePort: 30009 }] };
    const [first, second] = [service('same', spec), { ...service('same', spec) }];
    const losing = await allocate(first);
    await allocate(second);
    const stored = await store(second);
    await losing.rollback(stored.object);
    expect(names()).toEqual(['10.96.0.9', '30009']);
    await expect(allocate(service('other', spec))).rejects.toThrow('provided IP is already allocated');
  });

  it('of another Service stand even while that one is not stored', async () => {
    const { allocate, names } = fixture;
    const first = service('first', { clusterIPs: ['10.96.0.9'] });
    const allocation = await allocate(first);
    await expect(allocate(service('second', { clusterIPs: ['10.96.0.9'] }))).rejects.toThrow(
      'Service "second" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.9"]: failed to allocate IP 10.96.0.9: provided IP is already allocated',
    );
    await allocation.rollback();
    expect(names()).toEqual([]);
    await allocate(service('second', { clusterIPs: ['10.96.0.9'] }));
  });

  it('choose again when another server had the same idea', async () => {
    const { allocate } = fixture;
    const drafts = Array.from({ length: 40 }, (_, i) => service(`s-${i}`));
    // Each with an empty memory, as servers that know nothing of each other.
    await Promise.all(drafts.map((draft) => allocate(draft)));
    expect(new Set(drafts.map(({ spec }) => spec.clusterIP)).size).toBe(40);
    expect(new Set(drafts.map(({ spec }) => spec.ports?.[0]?.nodePort)).size).toBe(40);
  });
});

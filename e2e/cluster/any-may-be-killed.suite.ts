import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { seededRandom, systemRandom } from '@slipway/kit/random';
import { eventually } from '../harness/eventually.ts';
import { type ClusterOfProcesses, startClusterOfProcesses } from './cluster-of-processes.ts';
import type { EtcdMembers } from './etcd-members.ts';
import { contradictions } from './history.ts';
import { breakThings } from './random-faults.ts';
import {
  configMap,
  count,
  counters,
  createObjects,
  createServices,
  namespace,
  Recorder,
  watchAll,
} from './writers-and-watchers.ts';

/** Three etcd members and two API servers, while random ones of them die for so long. */
export function describeAnyMayBeKilled(startMembers: () => Promise<EtcdMembers>, breakingMs: number): void {
  let cluster: ClusterOfProcesses;
  beforeAll(async () => {
    cluster = await startClusterOfProcesses(startMembers);
  });
  afterAll(() => cluster.stop());

  it('lose nothing, whichever of them is killed', async () => {
    const seed = Number(process.env.SLIPWAY_SEED ?? Math.floor(systemRandom.next() * 2 ** 31));
    const { signal } = new AbortController();
    const { transports } = cluster;
    const client = new Client(transports[2] ?? transports[0] ?? failNoTransport());
    await client.create(
      kinds.namespaces,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace }, spec: {} },
      { signal },
    );
    const { metadata: start } = await client.list(kinds.configMaps, { namespace, signal });
    for (const counter of counters) await client.create(kinds.configMaps, configMap(counter, 0), { signal });

    const recorder = new Recorder();
    const [writing, watching] = [new AbortController(), new AbortController()];
    const work = (using: typeof transports, until: AbortSignal) => ({ transports: using, recorder, until });
    const balanced = transports.slice(2);
    const direct = transports.slice(0, 2);
    const watches = [
      watchAll('watcher-0', 0, start.resourceVersion ?? '', work(direct, watching.signal)),
      watchAll('watcher-1', 1, start.resourceVersion ?? '', work(direct, watching.signal)),
      watchAll('watcher-balanced', 0, start.resourceVersion ?? '', work(balanced, watching.signal)),
    ];
    const writers = [
      createObjects('creator-0', 0, work(direct, writing.signal)),
      createObjects('creator-1', 1, work(direct, writing.signal)),
      createObjects('creator-balanced', 0, work(balanced, writing.signal)),
      createServices('service-0', 0, work(direct, writing.signal)),
      createServices('service-1', 1, work(direct, writing.signal)),
      count('counting-0', 0, work(direct, writing.signal)),
      count('counting-1', 1, work(direct, writing.signal)),
      count('counting-balanced', 0, work(balanced, writing.signal)),
    ];
    const faults = await breakThings(cluster, seededRandom(seed), { forMs: breakingMs, signal });
    writing.abort();
    await Promise.all(writers);

    const { items } = await eventually('the cluster answers', () =>
      client.list(kinds.configMaps, { namespace, signal }),
    );
    const newest = items.reduce((most, { metadata }) => {
      const version = BigInt(metadata.resourceVersion ?? 0);
      return version > most ? version : most;
    }, 0n);
    await eventually('every watcher catches up', async () => {
      for (const [name, seen] of recorder.watchers) {
        if ((seen.at(-1)?.resourceVersion ?? 0n) < newest)
          throw new Error(`${name} is at ${seen.at(-1)?.resourceVersion}`);
      }
    }).catch((error: Error) => recorder.violations.push(error.message));
    watching.abort();
    await Promise.all(watches);
    tell(seed, faults, recorder);

    const stored = new Map(
      items.map(({ metadata, data }) => [
        metadata.name ?? '',
        { uid: metadata.uid ?? '', value: data?.value === undefined ? undefined : Number(data.value) },
      ]),
    );
    expect({
      violations: recorder.violations,
      contradictions: contradictions({ ...recorder, stored }).slice(0, 20),
      refusedButStored: recorder.refused.filter((name) => stored.has(name)),
    }).toEqual({ violations: [], contradictions: [], refusedButStored: [] });

    const services = (await client.list(kinds.services, { signal })).items;
    const addresses = services.map(({ spec }) => spec.clusterIP);
    const ports = services.flatMap(({ spec }) => spec.ports?.flatMap(({ nodePort }) => nodePort ?? []) ?? []);
    expect(services.length).toBeGreaterThan(1);
    expect([new Set(addresses).size, new Set(ports).size]).toEqual([addresses.length, ports.length]);
  });
}

/** The figures are for people: what they are depends on the machine. `SLIPWAY_SEED=N` repeats the order of faults. */
function tell(
  seed: number,
  faults: readonly string[],
  { writes, errors, longestMs, longestErrorsMs, watchers }: Recorder,
): void {
  const brief = (map: ReadonlyMap<string, number>) => [...map].map(([key, n]) => `${key}: ${Math.round(n)}`).join(', ');
  const events = [...watchers.values()][0]?.length ?? 0;
  process.stderr.write(
    `seed ${seed}: ${faults.join('; ')}\n  ${writes.length} writes acknowledged, ${events} events for each watcher\n` +
      `  errors: ${brief(errors)}\n  longest time without success, ms: ${brief(longestMs)}\n` +
      `  longest time from an error to the next success, ms: ${brief(longestErrorsMs)}\n`,
  );
}

function failNoTransport(): never {
  throw new Error('the cluster has no transport');
}

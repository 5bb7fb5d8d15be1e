/**
 * The store alone, without HTTP: durable writes, opening, and what an event costs. Run `node bench/storage.ts [DIRECTORY]`;
 * the figures depend on how fast the disk below the directory syncs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createObjectStore, openEmbeddedStore } from '@slipway/apiserver';
import type { KubeObject } from '@slipway/api/types';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';

const { signal } = new AbortController();
const options = { signal, cause: { user: 'bench', verb: 'create' } };
const pods = '/registry/core/pods/';
const objects = 50_000;

/** About 2 kB of JSON, as a small pod has. */
function pod(name: string, namespace: string): KubeObject {
  const env = Array.from({ length: 24 }, (_, i) => ({ name: `VARIABLE_${i}`, value: 'x'.repeat(30) }));
  const spec = { containers: [{ name: 'main', image: 'registry.example/app:1', env }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec } as KubeObject;
}

function percentile(sorted: readonly number[], part: number): string {
  return (sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(2);
}

function say(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(58)} ${figure}\n`);
}

const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'slipway-bench-'));
const open = async () => {
  const backend = await openEmbeddedStore({ directory, clock: systemClock });
  return { backend, store: await createObjectStore({ backend, clock: systemClock, log: silentLogger, signal }) };
};

let { backend, store } = await open();

const latencies: number[] = [];
for (let i = 0; i < 1_000; i++) {
  const startMs = performance.now();
  await store.create(`${pods}one/p${i}`, pod(`p${i}`, 'one'), options);
  latencies.push(performance.now() - startMs);
}
latencies.sort((a, b) => a - b);
say('1 writer, durable create, p50 / p99 ms', `${percentile(latencies, 0.5)} / ${percentile(latencies, 0.99)}`);

for (const writers of [32, 64]) {
  const startMs = performance.now();
  const until = writers === 32 ? objects / 2 : objects;
  let count = writers === 32 ? 1_000 : objects / 2;
  const first = count;
  const write = async (w: number) => {
    while (count < until) {
      const name = `p${count++}`;
      await store.create(`${pods}ns${w}/${name}`, pod(name, `ns${w}`), options);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, w) => write(w)));
  say(`${writers} writers, durable creates/s`, ((until - first) / ((performance.now() - startMs) / 1_000)).toFixed(0));
}
await store.close();
await backend.close();

let startMs = performance.now();
({ backend, store } = await open());
say(`open with ${objects} objects, whole cache loaded, ms`, (performance.now() - startMs).toFixed(0));

startMs = performance.now();
const listed = await store.list(pods, { signal, limit: 0 });
say(`list of ${listed.items.length} objects, ms`, (performance.now() - startMs).toFixed(2));

const subscribers = 1_000;
const events = 2_000;
const fanOut = async (prefix: string): Promise<number> => {
  let seen = 0;
  const all = Promise.withResolvers<void>();
  const count = (news: number) => {
    seen += news;
    if (seen === subscribers * events || prefix !== pods) all.resolve();
  };
  const cancels = Array.from({ length: subscribers }, () =>
    store.subscribe(prefix, undefined, { onEvents: (news) => count(news.length), onEnd: () => {} }),
  );
  const before = process.cpuUsage();
  for (let i = 0; i < events; i += 20) {
    const names = Array.from({ length: 20 }, (_, k) => `${prefix.length}-${i + k}`);
    await Promise.all(names.map((name) => store.create(`${pods}fan/${name}`, pod(name, 'fan'), options)));
  }
  if (prefix === pods) await all.promise;
  const used = process.cpuUsage(before);
  for (const cancel of cancels) cancel();
  return (used.user + used.system) / events;
};
const quiet = await fanOut('/registry/core/nodes/');
const loud = await fanOut(pods);
say('write with 1,000 subscribers of another resource, CPU us', quiet.toFixed(1));
say('write with 1,000 subscribers of its resource, CPU us', loud.toFixed(1));
say('fan-out of one event to 1,000 subscribers, CPU us', Math.max(loud - quiet, 0).toFixed(1));
say('resident memory, MB', (process.memoryUsage().rss / 1e6).toFixed(0));

await store.close();
await backend.close();
rmSync(directory, { recursive: true });

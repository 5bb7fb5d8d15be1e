/**
 * A resync of 10,000 settled Deployments: the all-in-one is restarted over them, with 10,000 running pods. How long the controllers look until
 * they rest, what that costs, and what they write. `node bench/resync.ts [deployments]`
 */
import { type BenchCluster, startCluster, usageOf } from './cluster.ts';
import { rest } from './rest.ts';

const deployments = Number(process.argv[2] ?? 10_000);
/** 110 pods fit on one. */
const nodes = Math.ceil(deployments / 100);
const calmMs = 5_000;
const inFlight = 32;

const rows: string[] = [];
const tell = (what: string, value: string) => {
  rows.push(`| ${what} | ${value} |`);
  console.error(`${what}: ${value}`);
};

const flags = ['--no-agent', '--simulate-nodes', String(nodes), '--stages', 'fast'];

async function create(cluster: BenchCluster, i: number): Promise<void> {
  const labels = { app: `web-${i}` };
  const resources = { requests: { cpu: '10m', memory: '16Mi' } };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'example/app:1', resources }] } };
  const { code } = await cluster.call('POST', '/apis/apps/v1/namespaces/default/deployments', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `web-${i}` },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  });
  if (code !== 201) throw new Error(`deployment ${i}: ${code}`);
}

async function fill(cluster: BenchCluster): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < deployments) await create(cluster, next++);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

interface Listed {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly {
    readonly metadata: { readonly resourceVersion: string };
    readonly status?: { readonly readyReplicas?: number };
  }[];
}

const settledKinds = ['/apis/apps/v1/deployments', '/apis/apps/v1/replicasets', '/api/v1/pods'];

async function list(cluster: BenchCluster, path: string): Promise<Listed> {
  return (await cluster.call('GET', `${path}?resourceVersion=0`)).body as Listed;
}

/** How many objects of these kinds were written after a version of the store. */
async function writtenSince(cluster: BenchCluster, version: bigint): Promise<number> {
  let count = 0;
  for (const path of settledKinds) {
    const { items } = await list(cluster, path);
    count += items.filter(({ metadata }) => BigInt(metadata.resourceVersion) > version).length;
  }
  return count;
}

/** Until every Deployment has its pod and nobody has written about them for a while. Answers the version of the store then. */
async function untilSettled(cluster: BenchCluster): Promise<bigint> {
  for (;;) {
    const { metadata, items } = await list(cluster, '/apis/apps/v1/deployments');
    const version = BigInt(metadata.resourceVersion);
    const ready = items.filter(({ status }) => status?.readyReplicas === 1).length;
    await rest(calmMs);
    if (ready === deployments && (await writtenSince(cluster, version)) === 0) return version;
  }
}

/** Seconds of a processor until hardly any is used any more. */
async function untilIdle(cluster: BenchCluster): Promise<number> {
  let used = usageOf(cluster.pid).cpuSeconds;
  for (;;) {
    await rest(2_000);
    const now = usageOf(cluster.pid).cpuSeconds;
    if (now - used < 0.3) return now;
    used = now;
  }
}

const first = await startCluster({ flags });
const startedMs = performance.now();
await fill(first);
tell(`${deployments} Deployments created`, `${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
const version = await untilSettled(first);
tell('until all are settled and nobody writes for 5 s', `${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
tell('resident memory then', `${usageOf(first.pid).residentMib.toFixed(0)} MiB`);
await first.stop({ keepData: true });
const cluster = await startCluster({ flags: ['--no-agent'], dataDir: first.dataDir });
try {
  tell('restart to ready', `${cluster.startMs.toFixed(0)} ms`);
  const cpuSeconds = await untilIdle(cluster);
  tell('processor until it rests', `${cpuSeconds.toFixed(1)} s`);
  tell('resident memory at rest', `${usageOf(cluster.pid).residentMib.toFixed(0)} MiB`);
  tell('Deployments, ReplicaSets and pods written meanwhile', String(await writtenSince(cluster, version)));
  console.log([`| resync of ${deployments} Deployments | measured |`, '|---|---|', ...rows].join('\n'));
} finally {
  await cluster.stop();
}

/**
 * A cluster of scripted nodes: 5,000 of them with 100,000 running pods. How long until they run, what that costs in memory, how long a new
 * Deployment of 1,000 replicas takes then, and what everything costs at rest.
 * `node bench/fleet.ts [nodes] [pods] [together|apart]`: the nodes in the all-in-one, or a process of their own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { type BenchCluster, slipwayBin, startCluster, usageOf } from './cluster.ts';
import { rest } from './rest.ts';

const nodes = Number(process.argv[2] ?? 5_000);
const pods = Number(process.argv[3] ?? 100_000);
const isApart = process.argv[4] === 'apart';
const replicasEach = Math.min(1_000, pods);
const replicasNew = 1_000;
const namespaceNew = 'more';
const idleMs = 60_000;
const pollMs = 50;

const rows: string[] = [];
const tell = (what: string, value: string) => {
  rows.push(`| ${what} | ${value} |`);
  console.error(`${what}: ${value}`);
};

/** Wall time, and how long the all-in-one kept a processor busy meanwhile: on a busy machine the second says more. */
async function timed(work: () => Promise<unknown>): Promise<string> {
  const startedMs = performance.now();
  const before = usageOf(cluster.pid).cpuSeconds;
  await work();
  const busy = usageOf(cluster.pid).cpuSeconds - before;
  return `${((performance.now() - startedMs) / 1000).toFixed(1)} s (${busy.toFixed(1)} s of a processor)`;
}

const nodeFlags = ['--stages', 'fast', '--name-prefix', 'node', '--zones', 'a,b,c'];

function startNodes(): Promise<ChildProcess> {
  const flags = ['--data-dir', cluster.dataDir, '--log-level', 'warn', '--count', String(nodes), ...nodeFlags];
  const child = spawn(slipwayBin, ['simulate-nodes', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.stdout.once('data', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`simulate-nodes ended with ${code}`)));
  });
}

function deployment(name: string, replicas: number) {
  const labels = { app: name };
  const resources = { requests: { cpu: '10m', memory: '16Mi' } };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'example/app:1', resources }] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas, selector: { matchLabels: labels }, template },
  };
}

interface Counted {
  readonly items: readonly unknown[];
  readonly metadata: { readonly remainingItemCount?: number };
}

/** The first pod of a list and how many follow it; the server counts those only where nothing is selected. */
async function count(cluster: BenchCluster, query = ''): Promise<number> {
  const { body } = await cluster.call('GET', `/api/v1/namespaces/${namespaceNew}/pods?limit=1${query}`);
  const { items, metadata } = body as Counted;
  return items.length + (metadata.remainingItemCount ?? 0);
}

async function create(cluster: BenchCluster, namespace: string, name: string, replicas: number): Promise<void> {
  const body = deployment(name, replicas);
  const { code } = await cluster.call('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, body);
  if (code !== 201) throw new Error(`deployment ${name}: ${code}`);
}

async function untilReady(cluster: BenchCluster, namespace: string, name: string, replicas: number): Promise<void> {
  for (;;) {
    const { body } = await cluster.call('GET', `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
    const { status } = body as { readonly status?: { readonly readyReplicas?: number } };
    if ((status?.readyReplicas ?? 0) >= replicas) return;
    await rest(pollMs);
  }
}

/** Counted at the server: all are there, and none is without a node. */
async function untilBound(cluster: BenchCluster): Promise<void> {
  while ((await count(cluster)) < replicasNew || (await count(cluster, '&fieldSelector=spec.nodeName%3D')) > 0)
    await rest(pollMs);
}

async function fill(cluster: BenchCluster): Promise<void> {
  const names = Array.from({ length: Math.ceil(pods / replicasEach) }, (_, i) => `fill-${i}`);
  for (const [i, name] of names.entries()) {
    await create(cluster, 'default', name, replicasEach);
    // A few at a time, as a cluster fills in life; what is measured is the whole.
    const previous = names[i - 4];
    if (previous) await untilReady(cluster, 'default', previous, replicasEach);
    if (i % 20 === 19)
      console.error(`${(i + 1) * replicasEach} pods: ${usageOf(cluster.pid).residentMib.toFixed(0)} MiB`);
  }
  for (const name of names.slice(-4)) await untilReady(cluster, 'default', name, replicasEach);
}

async function atRest(processes: Readonly<Record<string, number>>): Promise<void> {
  await rest(20_000);
  const before = Object.values(processes).map(usageOf);
  await rest(idleMs);
  for (const [i, [name, pid]] of Object.entries(processes).entries()) {
    const { residentMib, cpuSeconds } = usageOf(pid);
    const percent = ((cpuSeconds - (before[i]?.cpuSeconds ?? 0)) / (idleMs / 1000)) * 100;
    tell(`${name} at rest`, `${residentMib.toFixed(0)} MiB, ${percent.toFixed(1)} % of one core`);
  }
}

const ranges = ['--cluster-cidr', '10.128.0.0/9', '--service-cluster-ip-range', '172.20.0.0/16'];
const together = isApart ? [] : ['--simulate-nodes', String(nodes), ...nodeFlags];
const cluster = await startCluster({ flags: ['--no-agent', ...ranges, ...together] });
let simulation: ChildProcess | undefined;
try {
  if (isApart) tell(`${nodes} nodes registered`, await timed(async () => (simulation = await startNodes())));
  else tell(`start with ${nodes} nodes`, `${(cluster.startMs / 1000).toFixed(1)} s`);
  tell(`${pods} pods ready`, await timed(() => fill(cluster)));
  tell('memory then', `${usageOf(cluster.pid).residentMib.toFixed(0)} MiB`);
  await cluster.call('POST', '/api/v1/namespaces', { metadata: { name: namespaceNew } });
  await rest(5000);
  await create(cluster, namespaceNew, 'new', replicasNew);
  const [bound, ready] = await Promise.all([
    timed(() => untilBound(cluster)),
    timed(() => untilReady(cluster, namespaceNew, 'new', replicasNew)),
  ]);
  tell(`${replicasNew} replicas more: bound`, bound);
  tell(`${replicasNew} replicas more: ready`, ready);
  await atRest({ 'all-in-one': cluster.pid, ...(simulation ? { nodes: simulation.pid ?? 0 } : {}) });
  console.log([`| ${nodes} nodes, ${pods} pods | measured |`, '|---|---|', ...rows].join('\n'));
} finally {
  simulation?.removeAllListeners('exit');
  simulation?.kill('SIGTERM');
  await cluster.stop();
}

/**
 * What 50,000 stored pods cost: a restart, memory, whole lists, single gets while others write; and a thousand watches that have nothing
 * to tell. `node bench/many-objects.ts [up|apiserver]`
 */
import { Agent, get } from 'node:https';
import { type BenchCluster, startCluster, usageOf } from './cluster.ts';
import { load } from './load.ts';

const wanted = 50_000;
const watches = 1_000;
const createsPerSecond = 500;

const command = process.argv[2] === 'apiserver' ? 'apiserver' : 'up';
const flags = command === 'up' ? ['--no-agent'] : [];
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const rows: string[] = [];

async function fill(cluster: BenchCluster): Promise<void> {
  // Where no controller runs, nobody makes the account that pods need.
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await cluster.call('POST', '/api/v1/namespaces/default/serviceaccounts', account);
  for (let made = 0, round = 0; made < wanted; round++) {
    const seconds = 3;
    const env = { KIND: 'pods', RUN: `r${round}` };
    made += (await load(cluster, { script: 'create.lua', connections: 64, seconds, env })).perSecond * seconds;
  }
}

/** Milliseconds within which 99 of 100 gets were answered while others created. */
async function getsWhileCreating(cluster: BenchCluster): Promise<number> {
  let writing = true;
  const creating = (async () => {
    const startedMs = performance.now();
    for (let made = 0; writing; made++) {
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `during-${made}` }, spec };
      void cluster.call('POST', '/api/v1/namespaces/default/pods', pod);
      const aheadMs = (made / createsPerSecond) * 1000 - (performance.now() - startedMs);
      if (aheadMs > 1) await sleep(aheadMs);
    }
  })();
  const env = { TARGET: '/api/v1/namespaces/default/pods/r0-9' };
  const { p99Ms } = await load(cluster, { script: 'get.lua', connections: 1, seconds: 6, env });
  writing = false;
  await creating;
  return p99Ms;
}

const spec = { containers: [{ name: 'c', image: 'registry.local/app:1' }] };

async function idleWatches(cluster: BenchCluster): Promise<number> {
  const before = usageOf(cluster.pid).residentMib;
  const headers = { authorization: `Bearer ${cluster.token}` };
  const agents: Agent[] = [];
  for (let i = 0; i < watches; i++) {
    const agent = new Agent({ rejectUnauthorized: false });
    agents.push(agent);
    const url = new URL('/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0', cluster.base);
    await new Promise<void>((resolve, reject) => {
      get(url, { agent, headers }, (response) => {
        response.resume();
        resolve();
      }).once('error', (error) => (agents.length === watches ? undefined : reject(error)));
    });
  }
  await sleep(3000);
  const grown = usageOf(cluster.pid).residentMib - before;
  for (const agent of agents) agent.destroy();
  return grown;
}

const first = await startCluster({ command, flags });
await fill(first);
rows.push(`| resident memory after ${wanted} creates | ${usageOf(first.pid).residentMib.toFixed(0)} MiB |`);
await first.stop({ keepData: true });
const cluster = await startCluster({ command, flags, dataDir: first.dataDir });
try {
  rows.push(`| restart to ready | ${cluster.startMs.toFixed(0)} ms |`);
  await sleep(5000);
  rows.push(`| resident memory then | ${usageOf(cluster.pid).residentMib.toFixed(0)} MiB |`);
  rows.push(`| ${watches} idle watches | ${(await idleWatches(cluster)).toFixed(0)} MiB |`);
  rows.push(
    `| get one pod while ${createsPerSecond}/s are created, p99 | ${(await getsWhileCreating(cluster)).toFixed(1)} ms |`,
  );
  const env = { TARGET: '/api/v1/pods?resourceVersion=0' };
  const list = await load(cluster, { script: 'get.lua', connections: 1, seconds: 8, env });
  rows.push(`| whole list | ${list.megabytesPerSecond.toFixed(0)} MB/s |`);
  console.log([`| ${command}, ${wanted} pods stored | measured |`, '|---|---|', ...rows].join('\n'));
} finally {
  await cluster.stop();
}

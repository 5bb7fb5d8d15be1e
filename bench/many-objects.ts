/**
 * What 50,000 stored pods cost: a restart, memory, whole lists, single gets while others write; and a thousand watches that have nothing
 * to tell. `node bench/many-objects.ts [up|apiserver]`
 */
import { Agent, get } from 'node:https';
import { type BenchCluster, startCluster, usageOf } from './cluster.ts';
import { load } from './load.ts';
import { rest } from './rest.ts';

const wanted = 50_000;
const watches = 1_000;

const command = process.argv[2] === 'apiserver' ? 'apiserver' : 'up';
const flags = command === 'up' ? ['--no-agent'] : [];
const rows: string[] = [];

async function fill(cluster: BenchCluster): Promise<void> {
  // Where no controller runs, nobody makes the account that pods need.
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await cluster.call('POST', '/api/v1/namespaces/default/serviceaccounts', account);
  let made = 0;
  for (let round = 0; made < wanted; round++) {
    const seconds = wanted - made > 20_000 ? 3 : 1;
    const env = { KIND: 'pods', RUN: `r${round}` };
    made += Math.round(
      (await load(cluster, { script: 'create.lua', connections: 64, seconds, env })).perSecond * seconds,
    );
  }
  rows.push(`| pods stored | ${made} |`);
}

/** Gets and creates at the same time, each over a connection of its own. */
async function getsWhileCreating(cluster: BenchCluster): Promise<string> {
  const half = { connections: 1, seconds: 6 };
  const [creates, gets] = await Promise.all([
    load(cluster, { ...half, script: 'create.lua', env: { KIND: 'pods', RUN: 'during' } }),
    load(cluster, { ...half, script: 'get.lua', env: { TARGET: '/api/v1/namespaces/default/pods/r0-9' } }),
  ]);
  return `| get one pod while ${creates.perSecond.toFixed(0)}/s are created | p50 ${gets.p50Ms} ms, p99 ${gets.p99Ms} ms |`;
}

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
  await rest(3000);
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
  await rest(5000);
  rows.push(`| resident memory then | ${usageOf(cluster.pid).residentMib.toFixed(0)} MiB |`);
  rows.push(`| ${watches} idle watches | ${(await idleWatches(cluster)).toFixed(0)} MiB |`);
  rows.push(await getsWhileCreating(cluster));
  const env = { TARGET: '/api/v1/pods?resourceVersion=0' };
  const list = await load(cluster, { script: 'get.lua', connections: 1, seconds: 8, env });
  rows.push(`| whole list | ${list.megabytesPerSecond.toFixed(0)} MB/s |`);
  console.log([`| ${command}, ${wanted} pods stored | measured |`, '|---|---|', ...rows].join('\n'));
} finally {
  await cluster.stop();
}

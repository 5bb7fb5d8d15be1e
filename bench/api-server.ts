/** Creates, gets and lists against the API server over TLS, by wrk (a Debian package). Prints a table. */
import { startCluster, usageOf } from './cluster.ts';
import { load } from './load.ts';

// More flags may follow: `--storage etcd --etcd-servers URL` measures over an etcd (an empty one).
const cluster = await startCluster({ flags: ['--no-agent', ...process.argv.slice(2)] });
try {
  const rows: string[] = [`| start to ready, empty | ${cluster.startMs.toFixed(0)} ms |`];
  const creates = async (kind: string, connections: number, seconds: number) => {
    const { perSecond, p50Ms, p99Ms, errors } = await load(cluster, {
      script: 'create.lua',
      connections,
      seconds,
      env: { KIND: kind, RUN: `${kind}${connections}` },
    });
    rows.push(
      `| create ${kind}, ${connections} connections | ${perSecond.toFixed(0)}/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms, ${errors} errors |`,
    );
  };
  await creates('configmaps', 32, 5);
  await creates('pods', 1, 4);
  await creates('pods', 32, 4);
  const gets = async (target: string, connections: number, seconds: number) => {
    const { perSecond, p50Ms, p99Ms, errors, megabytesPerSecond } = await load(cluster, {
      script: 'get.lua',
      connections,
      seconds,
      env: { TARGET: target },
    });
    rows.push(
      `| get ${target}, ${connections} connections | ${perSecond.toFixed(1)}/s, ${megabytesPerSecond.toFixed(0)} MB/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms, ${errors} errors |`,
    );
  };
  await gets('/api/v1/namespaces/default/pods/pods1-9', 32, 5);
  await gets('/api/v1/pods?resourceVersion=0', 2, 6);
  await gets('/api/v1/pods?limit=500', 4, 5);
  rows.push(`| resident memory afterwards | ${usageOf(cluster.pid).residentMib.toFixed(0)} MiB |`);
  console.log(['| work | measured |', '|---|---|', ...rows].join('\n'));
} finally {
  await cluster.stop();
}

/** Creates, gets and lists against the API server over TLS, by wrk (a Debian package). Prints a table. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type BenchCluster, startCluster, usageOf } from './cluster.ts';

interface Load {
  readonly script: string;
  readonly connections: number;
  readonly seconds: number;
  readonly env: Readonly<Record<string, string>>;
}

function load(cluster: BenchCluster, { script, connections, seconds, env }: Load): number[] {
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    '30s',
    '--latency',
    '-s',
    join(import.meta.dirname, 'load', script),
    cluster.base,
  ];
  const output = execFileSync('wrk', args, { env: { ...process.env, TOKEN: cluster.token, ...env } }).toString();
  return (output.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
}

// More flags may follow: `--storage etcd --etcd-servers URL` measures over an etcd (an empty one).
const cluster = await startCluster({ flags: ['--no-agent', ...process.argv.slice(2)] });
try {
  const rows: string[] = [`| start to ready, empty | ${cluster.startMs.toFixed(0)} ms |`];
  const creates = (kind: string, connections: number, seconds: number) => {
    const [rate = 0, p50 = 0, p99 = 0, errors = 0] = load(cluster, {
      script: 'create.lua',
      connections,
      seconds,
      env: { KIND: kind, RUN: `${kind}${connections}` },
    });
    rows.push(
      `| create ${kind}, ${connections} connections | ${rate.toFixed(0)}/s, p50 ${p50} ms, p99 ${p99} ms, ${errors} errors |`,
    );
  };
  creates('configmaps', 32, 5);
  creates('pods', 1, 4);
  creates('pods', 32, 4);
  const gets = (target: string, connections: number, seconds: number) => {
    const [rate = 0, p50 = 0, p99 = 0, errors = 0, megabytes = 0] = load(cluster, {
      script: 'get.lua',
      connections,
      seconds,
      env: { TARGET: target },
    });
    rows.push(
      `| get ${target}, ${connections} connections | ${rate.toFixed(1)}/s, ${megabytes.toFixed(0)} MB/s, p50 ${p50} ms, p99 ${p99} ms, ${errors} errors |`,
    );
  };
  gets('/api/v1/namespaces/default/pods/pods1-9', 32, 5);
  gets('/api/v1/pods?resourceVersion=0', 2, 6);
  gets('/api/v1/pods?limit=500', 4, 5);
  rows.push(`| resident memory afterwards | ${usageOf(cluster.pid).residentMib.toFixed(0)} MiB |`);
  console.log(['| work | measured |', '|---|---|', ...rows].join('\n'));
} finally {
  await cluster.stop();
}

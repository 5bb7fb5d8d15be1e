/** Load by wrk (a Debian package) with the scripts in `load/`. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchCluster } from './cluster.ts';

export interface Load {
  readonly script: 'create.lua' | 'get.lua';
  readonly connections: number;
  readonly seconds: number;
  readonly env: Readonly<Record<string, string>>;
}

export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly megabytesPerSecond: number;
}

export async function load(cluster: BenchCluster, { script, connections, seconds, env }: Load): Promise<Measured> {
  const args = [
    ...['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '--latency'],
    ...['-s', join(import.meta.dirname, 'load', script), cluster.base],
  ];
  const { stdout } = await promisify(execFile)('wrk', args, { env: { ...process.env, TOKEN: cluster.token, ...env } });
  const numbers = (stdout.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  const [perSecond = 0, p50Ms = 0, p99Ms = 0, errors = 0, megabytesPerSecond = 0] = numbers;
  return { perSecond, p50Ms, p99Ms, errors, megabytesPerSecond };
}

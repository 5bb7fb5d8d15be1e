/** A throw-away cluster to measure: `slipway up` on a temporary data directory, and a token that may do everything. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';

export const slipwayBin = resolve(import.meta.dirname, '../node_modules/.bin/slipway');

export interface BenchCluster {
  readonly base: string;
  readonly token: string;
  readonly dataDir: string;
  readonly pid: number;
  /** Milliseconds from the start of the process to `ready`. */
  readonly startMs: number;
  call(method: string, path: string, body?: unknown): Promise<{ readonly code: number; readonly body: unknown }>;
  /** Ends it and removes what it left, its data too unless they are to be kept. */
  stop(how?: { readonly keepData?: boolean }): Promise<void>;
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string } }[];
  readonly users: readonly {
    readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string };
  }[];
}

export interface BenchClusterOptions {
  /** `apiserver` measures the API server alone. */
  readonly command?: 'up' | 'apiserver';
  /** Data of a cluster that was stopped before. */
  readonly dataDir?: string;
  readonly flags?: readonly string[];
  /** Hears the lines that the cluster logs, at level debug. Without it warnings go to standard error. */
  readonly onLogLine?: (line: string) => void;
}

export async function startCluster(options: BenchClusterOptions = {}): Promise<BenchCluster> {
  const { command = 'up', flags = [], onLogLine } = options;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  const startedMs = performance.now();
  const level = onLogLine ? 'debug' : 'warn';
  const child = spawn(
    slipwayBin,
    [
      ...[command, '--data-dir', dataDir, '--secure-port', '0', '--log-level', level],
      ...(command === 'up' ? ['--agent-port', '0'] : []),
      ...flags,
    ],
    {
      stdio: ['ignore', 'pipe', onLogLine ? 'pipe' : 'inherit'],
    },
  );
  if (child.stderr && onLogLine) createInterface(child.stderr).on('line', onLogLine);
  await untilReady(child);
  const startMs = performance.now() - startedMs;
  const config = parse(readFileSync(join(dataDir, 'admin.kubeconfig'), 'utf8')) as Kubeconfig;
  const base = config.clusters[0]?.cluster.server ?? '';
  const user = config.users[0]?.user;
  const credentials = {
    cert: Buffer.from(user?.['client-certificate-data'] ?? '', 'base64'),
    key: Buffer.from(user?.['client-key-data'] ?? '', 'base64'),
  };
  const call: BenchCluster['call'] = (method, path, body) => callServer(base, credentials, method, path, body);
  return {
    base,
    dataDir,
    startMs,
    token: await adminToken(call),
    pid: child.pid ?? 0,
    call,
    stop: async ({ keepData = false } = {}) => {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      await ended;
      if (keepData) return;
      execFileSync(slipwayBin, ['down', '--purge', '--data-dir', dataDir], { stdio: ['ignore', 'ignore', 'inherit'] });
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((done, fail) => {
    child.stdout?.on('data', (chunk) => /^ready/m.test(String(chunk)) && done());
    child.once('exit', (code) => fail(new Error(`slipway up ended with ${code}`)));
  });
}

function callServer(
  base: string,
  credentials: { cert: Buffer; key: Buffer },
  method: string,
  path: string,
  body?: unknown,
) {
  return new Promise<{ code: number; body: unknown }>((done, fail) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const call = request(
      new URL(path, base),
      { method, headers, rejectUnauthorized: false, ...credentials },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.once('end', () => done({ code: response.statusCode ?? 0, body: text ? JSON.parse(text) : undefined }));
      },
    );
    call.once('error', fail);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function adminToken(call: BenchCluster['call']): Promise<string> {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'bench', namespace: 'default' } };
  await call('POST', '/api/v1/namespaces/default/serviceaccounts', account);
  await call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'bench' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'bench', namespace: 'default' }],
  });
  const answer = await call('POST', '/api/v1/namespaces/default/serviceaccounts/bench/token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 86400 },
  });
  const { status } = answer.body as { status?: { token: string } };
  if (!status) throw new Error(`no token: ${JSON.stringify(answer)}`);
  return status.token;
}

/** Resident memory in MiB and processor seconds used so far. */
export function usageOf(pid: number): { readonly residentMib: number; readonly cpuSeconds: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    residentMib: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
  };
}

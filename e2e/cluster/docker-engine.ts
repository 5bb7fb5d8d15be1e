/**
 * A Docker engine for a test: the one that `DOCKER_HOST` or `/var/run/docker.sock` leads to, else Debian's dockerd, started on folders of
 * its own. It makes no bridge, no firewall rule and no sysctl: published ports are passed on by its own proxy processes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@slipway/kit/clock';
import { findProgram, missingCapability } from '@slipway/kit/testing/capabilities';
import { eventually } from '../harness/eventually.ts';

const ordinarySocket = '/var/run/docker.sock';
const startTimeoutMs = 30_000;
const stopTimeoutMs = 10_000;

export interface DockerEngine {
  /** As `DOCKER_HOST` says it. */
  readonly host: string;
  /** Ends it when it was started here. */
  stop(): Promise<void>;
}

/** What is missing for a Docker engine, for `describeWith`. */
export function missingDockerEngine(): string | undefined {
  if (process.env.DOCKER_HOST || existsSync(ordinarySocket)) return undefined;
  const missing = missingCapability({ root: true, programs: ['dockerd', 'containerd', 'runc'] });
  return missing && `a Docker engine (${missing}; Debian's package docker.io)`;
}

export async function dockerEngine(): Promise<DockerEngine> {
  const given = process.env.DOCKER_HOST ?? (existsSync(ordinarySocket) ? `unix://${ordinarySocket}` : undefined);
  if (given !== undefined) return { host: given, stop: async () => {} };
  const directory = await mkdtemp(join(tmpdir(), 'slipway-docker-'));
  const socket = join(directory, 'docker.sock');
  let errors = '';
  const child = spawn(findProgram('dockerd') ?? 'dockerd', daemonFlags(directory, socket), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-8_000);
  });
  const stop = async () => {
    await ended(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await eventually('dockerd answers', () => ping(socket, child), startTimeoutMs);
  } catch (error) {
    await stop();
    throw new Error(`dockerd did not start\n${errors}`, { cause: error });
  }
  return { host: `unix://${socket}`, stop };
}

function daemonFlags(directory: string, socket: string): string[] {
  const flags = {
    host: `unix://${socket}`,
    'data-root': join(directory, 'data'),
    'exec-root': join(directory, 'exec'),
    pidfile: join(directory, 'pid'),
    bridge: 'none',
    iptables: false,
    ip6tables: false,
    'ip-forward': false,
    'ip-masq': false,
  };
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}

function ping(socketPath: string, child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null) return reject(new Error(`dockerd ended with ${child.exitCode}`));
    const asked = request({ socketPath, path: '/_ping' }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${response.statusCode}`));
    });
    asked.once('error', reject);
    asked.end();
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const cancel = systemClock.after(stopTimeoutMs, () => child.kill('SIGKILL'));
  child.kill('SIGTERM');
  await closed;
  cancel();
}

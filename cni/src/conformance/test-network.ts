import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { systemRandom } from '@slipway/kit/random';
import type { Host } from '../host/host.ts';
import { createKernelHost } from '../host/kernel-host.ts';

/** A throw-away machine for privileged tests: one namespace that plays the host, others that play containers. */
export interface TestNetwork {
  readonly hostNetns: string;
  readonly host: Host;
  readonly directory: string;
  /** A new namespace; answers its path. */
  addNetns(): Promise<string>;
  removeNetns(path: string): Promise<void>;
  /** Runs a program inside; rejects when it fails. Answers what it printed. */
  run(netns: string, command: string, ...args: string[]): Promise<string>;
  /** The same until the signal aborts; rejects then. */
  runUntil(signal: AbortSignal, netns: string, command: string, ...args: string[]): Promise<string>;
  remove(): Promise<void>;
}

/** What this machine lacks for such tests, in words; undefined when it lacks nothing. */
export function missingForNetworkTests(): string | undefined {
  if (process.getuid?.() !== 0) return 'root';
  const programs = ['ip', 'nft', 'nsenter', 'conntrack', 'socat', 'busybox'];
  const missing = programs.filter(
    (name) => !['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((at) => existsSync(join(at, name))),
  );
  return missing.length > 0 ? `the programs ${missing.join(', ')}` : undefined;
}

/** `describe`, or a skipped one whose name says which capability is missing. */
export function describeWithNetwork(name: string, body: () => void): void {
  const missing = missingForNetworkTests();
  if (missing) describe.skip(`${name} (needs ${missing})`, body);
  else describe(name, body);
}

export async function createTestNetwork(): Promise<TestNetwork> {
  const prefix = `swt-${systemRandom.suffix(5)}`;
  const names: string[] = [];
  const run = async (...command: string[]) => {
    const [program = '', ...args] = command;
    return (await exec(program, args, { signal: neverAborted })).stdout.toString();
  };
  const addNetns = async () => {
    const name = `${prefix}-${names.length}`;
    names.push(name);
    await run('ip', 'netns', 'add', name);
    return `/run/netns/${name}`;
  };
  const removeNetns = async (path: string) => void (await run('ip', 'netns', 'del', path.split('/').at(-1) ?? ''));
  const hostNetns = await addNetns();
  await run('nsenter', `--net=${hostNetns}`, 'ip', 'link', 'set', 'lo', 'up');
  const directory = await mkdtemp(join(tmpdir(), `${prefix}-`));
  return {
    hostNetns,
    host: createKernelHost({ exec, netns: hostNetns }),
    directory,
    addNetns,
    removeNetns,
    run: (netns, command, ...args) => run('nsenter', `--net=${netns}`, command, ...args),
    runUntil: async (signal, netns, command, ...args) =>
      (await exec('nsenter', [`--net=${netns}`, command, ...args], { signal })).stdout.toString(),
    async remove() {
      for (const name of names) await run('ip', 'netns', 'del', name).catch(() => {}); // a test removed it itself
      await rm(directory, { recursive: true, force: true });
    },
  };
}

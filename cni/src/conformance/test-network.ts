import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { systemRandom } from '@slipway/kit/random';
import { describeWith } from '@slipway/kit/testing/capabilities';
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
  /** A TCP or UDP server that answers `TEXT PEERADDRESS` to everyone. Stops by its function, or with the network. */
  serve(netns: string, port: number, text: string, protocol?: 'TCP4' | 'UDP4'): () => Promise<void>;
  /** Resolves when the server of a TCP port takes connections on the loopback of its namespace. */
  untilServed(netns: string, port: number): Promise<void>;
  /** What the server there says; rejects when there is no answer within two seconds. */
  fetch(netns: string, address: string, port: number, protocol?: 'TCP4' | 'UDP4'): Promise<string>;
  /**
   * Everything that plugins make in the kernel, as text to compare: links, addresses and routes of the host and of the
   * namespaces named, the host's nftables ruleset and queueing disciplines. Without counters and link-local addresses.
   */
  kernelObjects(...netns: string[]): Promise<string>;
  remove(): Promise<void>;
}

/**
 * `what` when the kernel refuses one of the `ip` lines in an empty namespace, else undefined: for `PluginCase.missing` and
 * `describeWith`, at the top of a file (`await kernelLacks('ipvlan', ['link add name x type dummy'])`).
 */
export async function kernelLacks(what: string, lines: readonly string[]): Promise<string | undefined> {
  if (missingForNetworkTests() !== undefined) return undefined; // said by describeWithNetwork
  const network = await createTestNetwork();
  try {
    await network.host.ip(lines, { signal: neverAborted });
    return undefined;
  } catch {
    return `${what} in the kernel`;
  } finally {
    await network.remove();
  }
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
  describeWith(missingForNetworkTests(), name, body);
}

export async function createTestNetwork(): Promise<TestNetwork> {
  const prefix = `swt-${systemRandom.suffix(5)}`;
  const names: string[] = [];
  const stops: (() => Promise<void>)[] = [];
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
    serve(netns, port, text, protocol = 'TCP4') {
      const controller = new AbortController();
      const listen =
        protocol === 'TCP4' ? `TCP4-LISTEN:${port},fork,reuseaddr` : `UDP4-RECVFROM:${port},fork,reuseaddr`;
      const args = [`--net=${netns}`, 'socat', listen, `SYSTEM:echo ${text} $SOCAT_PEERADDR`];
      const done = exec('nsenter', args, { signal: controller.signal }).catch(() => {}); // ends by our abort
      const stop = async () => {
        controller.abort();
        await done;
      };
      stops.push(stop);
      return stop;
    },
    async untilServed(netns, port) {
      const target = `TCP4:127.0.0.1:${port},retry=100,interval=0.05`;
      await run('nsenter', `--net=${netns}`, 'sh', '-c', `ip link set lo up; socat -u /dev/null ${target}`);
    },
    async fetch(netns, address, port, protocol = 'TCP4') {
      const target = protocol === 'TCP4' ? `TCP4:${address}:${port},connect-timeout=2` : `UDP4:${address}:${port}`;
      const input = protocol === 'TCP4' ? '' : '?\n';
      const args = [`--net=${netns}`, 'socat', '-T1', '-', target];
      const { stdout } = await exec('nsenter', args, { signal: neverAborted, input });
      if (stdout.length === 0) throw new Error(`no answer from ${address}:${port}`);
      return stdout.toString().trim();
    },
    async kernelObjects(...others) {
      const inside = await Promise.all(others.map((netns) => run('nsenter', `--net=${netns}`, 'sh', '-c', listLinks)));
      const outside = await run('nsenter', `--net=${hostNetns}`, 'sh', '-c', `${listLinks}; ${listRules}`);
      return [outside, ...inside].map(withoutVolatile).join('\n');
    },
    async remove() {
      for (const stop of stops) await stop();
      for (const name of names) await run('ip', 'netns', 'del', name).catch(() => {}); // a test removed it itself
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const listLinks =
  'ip -br link; ip -br address; for family in -4 -6; do ip $family route show table all; ip $family rule; done; tc qdisc show';
const listRules = 'nft -s list ruleset';

/** States come a moment after the change; link-local addresses and what belongs to them come and go on their own. */
function withoutVolatile(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^(fe80::|ff00::|multicast ff00|local fe80|anycast fe80)|noqueue/.test(line))
    .map((line) =>
      line
        .replace(/fe80::\S+/g, '')
        .replace(/\b(UNKNOWN|LOWERLAYERDOWN|DOWN|UP)\b/, '')
        .replace(/<[A-Z,_-]+>|\blinkdown\b/g, '')
        .replace(/@if\d+|qdisc (\S+) \S+:/g, '')
        .replace(/pref medium/g, '')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .join('\n');
}

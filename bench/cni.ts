/**
 * ADD and DEL of bridge, host-local and portmap as one chain: in the agent's own process, as our executables, and as upstream's
 * executables where Debian's package is installed, in turns on one machine. Run `node bench/cni.ts [ROUNDS]` as root.
 */
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import {
  builtInPlugins,
  type CallPlugin,
  type Chain,
  createChain,
  createExecCaller,
  createPluginCaller,
  createResultCache,
  installPlugins,
  parseConflist,
} from '@slipway/cni';
import { createTestNetwork, missingForNetworkTests, type TestNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';

const upstreamPath = '/usr/lib/cni';
const rounds = Number(process.argv[2] ?? 30);

interface Candidate {
  readonly name: string;
  readonly chain: Chain;
  readonly add: number[];
  readonly del: number[];
}

function candidateOf(
  network: TestNetwork,
  name: string,
  id: number,
  call: CallPlugin,
  path: readonly string[],
): Candidate {
  const ranges = [[{ subnet: `10.${100 + id}.0.0/16` }]];
  const ipam = { type: 'host-local', ranges, dataDir: join(network.directory, `ipam-${id}`) };
  const plugins = [
    { type: 'bridge', bridge: `swbench${id}`, isDefaultGateway: true, ipMasq: true, hairpinMode: true, ipam },
    { type: 'portmap', capabilities: { portMappings: true } },
  ];
  const list = parseConflist({ cniVersion: '1.0.0', name: `bench${id}`, plugins }, name);
  const cache = createResultCache(join(network.directory, `results-${id}`));
  return { name, chain: createChain({ list, cache, path, call }), add: [], del: [] };
}

async function createCandidates(network: TestNetwork): Promise<readonly Candidate[]> {
  const { host, hostNetns: netns } = network;
  const env = { PATH: process.env.PATH };
  const bin = join(network.directory, 'bin');
  await installPlugins(bin);
  const direct = createPluginCaller({ plugins: builtInPlugins, host, exec, env, netns });
  const executed = createExecCaller({ exec, env, netns });
  const hasUpstream = existsSync(join(upstreamPath, 'portmap'));
  return [
    candidateOf(network, 'ours in process', 0, direct, []),
    candidateOf(network, 'ours as executables', 1, executed, [bin]),
    ...(hasUpstream ? [candidateOf(network, "upstream's executables", 2, executed, [upstreamPath])] : []),
  ];
}

async function timed(into: number[], work: () => Promise<unknown>): Promise<void> {
  const begin = performance.now();
  await work();
  into.push(performance.now() - begin);
}

function percentile(values: readonly number[], part: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1)} ms`.padStart(10);
}

const missing = missingForNetworkTests();
if (missing) throw new Error(`bench/cni.ts needs ${missing}`);
const network = await createTestNetwork();
try {
  const candidates = await createCandidates(network);
  for (let round = 0; round <= rounds; round++) {
    for (const { chain, add, del } of candidates) {
      const netns = await network.addNetns();
      const portMappings = [{ hostPort: 8000 + round, containerPort: 80, protocol: 'tcp' }];
      const request = { containerId: `c${round}`, netns, ifName: 'eth0', args: [], capabilityArgs: { portMappings } };
      // The first round makes what all share: bridge, table, compiled code.
      await timed(round === 0 ? [] : add, () => chain.add(request, neverAborted));
      await timed(round === 0 ? [] : del, () => chain.del(request, neverAborted));
      await network.removeNetns(netns);
    }
  }
  const load = loadavg()[0]?.toFixed(1);
  process.stdout.write(`bridge + host-local + portmap, one host port, ${rounds} rounds, load average ${load}\n`);
  process.stdout.write(`${''.padEnd(26)}   ADD p50    ADD p95    DEL p50    DEL p95\n`);
  for (const { name, add, del } of candidates) {
    const figures = [percentile(add, 0.5), percentile(add, 0.95), percentile(del, 0.5), percentile(del, 0.95)];
    process.stdout.write(`${name.padEnd(26)}${figures.join(' ')}\n`);
  }
} finally {
  await network.remove();
}

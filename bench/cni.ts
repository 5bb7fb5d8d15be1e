/**
 * ADD and DEL of bridge, host-local and portmap as one chain, and of macvlan and ipvlan (where the kernel has it) with host-local: in
 * the agent's own process, as our executables, and as upstream's where Debian's package is installed, in turns on one machine. Run `node bench/cni.ts [ROUNDS]` as root.
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

/** How a chain's plugins are reached. */
interface Reach {
  readonly name: string;
  readonly call: CallPlugin;
  readonly path: readonly string[];
}

type Driver = 'bridge' | 'macvlan' | 'ipvlan';

function candidateOf(network: TestNetwork, driver: Driver, id: number, { name: reach, call, path }: Reach): Candidate {
  const name = driver === 'bridge' ? reach : `${driver}, ${reach}`;
  const ranges = [[{ subnet: `10.${100 + id}.0.0/16` }]];
  const ipam = { type: 'host-local', ranges, dataDir: join(network.directory, `ipam-${id}`) };
  const bridge = { bridge: `swbench${id}`, isDefaultGateway: true, ipMasq: true, hairpinMode: true };
  const plugins =
    driver === 'bridge'
      ? [
          { type: driver, ...bridge, ipam },
          { type: 'portmap', capabilities: { portMappings: true } },
        ]
      : [{ type: driver, master: `${driver}-lan`, ipam }];
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
  const reaches: readonly Reach[] = [
    { name: 'ours in process', call: direct, path: [] },
    { name: 'ours as executables', call: executed, path: [bin] },
    ...(hasUpstream ? [{ name: "upstream's executables", call: executed, path: [upstreamPath] }] : []),
  ];
  const signal = neverAborted;
  const drivers: Driver[] = ['bridge', 'macvlan'];
  if (await host.knowsLinkKind('ipvlan', { signal })) drivers.push('ipvlan');
  for (const driver of ['macvlan', 'ipvlan']) {
    await host.ip([`link add ${driver}-lan type veth peer name ${driver}-end`, `link set ${driver}-lan up`], {
      signal,
    });
  }
  return drivers
    .flatMap((driver) => reaches.map((reach) => ({ driver, reach })))
    .map(({ driver, reach }, id) => candidateOf(network, driver, id, reach));
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
  process.stdout.write(
    `bridge + host-local + portmap with one host port; macvlan, ipvlan + host-local; ${rounds} rounds, load average ${load}\n`,
  );
  process.stdout.write(`${''.padEnd(34)}   ADD p50    ADD p95    DEL p50    DEL p95\n`);
  for (const { name, add, del } of candidates) {
    const figures = [percentile(add, 0.5), percentile(add, 0.95), percentile(del, 0.5), percentile(del, 0.95)];
    process.stdout.write(`${name.padEnd(34)}${figures.join(' ')}\n`);
  }
} finally {
  await network.remove();
}

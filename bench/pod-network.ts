/**
 * How much of a plain pair of links' throughput is left between two pods, as ratios within one run, in network namespaces. Each row
 * makes its own two ends; they are measured in turns with iperf3. Run `node bench/pod-network.ts [SECONDS]` as root.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { EndpointSlice, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { builtInPlugins, createChain, createPluginCaller, createResultCache, parseConflist } from '@slipway/cni';
import { createTestNetwork, missingForNetworkTests, type TestNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { findProgram } from '@slipway/kit/testing/capabilities';
import { overlayPods, vxlanByHand } from './overlay-paths.ts';
import { ServiceProxy } from '@slipway/kubelet-agent';
import { rest } from './rest.ts';

/** Two namespaces, and the address by which the first reaches the second. */
interface Path {
  readonly client: string;
  readonly server: string;
  readonly address: string;
}

interface Row {
  readonly name: string;
  /** The row that it is compared with. */
  readonly against?: string;
  readonly make: (network: TestNetwork) => Promise<Path>;
}

const rows: readonly Row[] = [
  { name: 'plain veth pair', make: plainPair },
  { name: 'a bridge made by hand', make: plainBridge, against: 'plain veth pair' },
  { name: 'our bridge', make: (network) => pods(network, 'l2', {}), against: 'plain veth pair' },
  {
    name: 'our bridge, routed (default)',
    make: (network) => pods(network, 'l3', { routed: true }),
    against: 'plain veth pair',
  },
  { name: 'a VXLAN made by hand', make: vxlanByHand },
  { name: 'our overlay', make: overlayPods, against: 'a VXLAN made by hand' },
  { name: 'through a ClusterIP', make: throughService, against: 'our bridge, routed (default)' },
];

const seconds = Number(process.argv[2] ?? 2);
const turns = 3;

async function ip(network: TestNetwork, netns: string, ...lines: string[]): Promise<void> {
  await network.host.ip(lines, { netns, signal: neverAborted });
}

async function plainPair(network: TestNetwork): Promise<Path> {
  const [client, server] = [await network.addNetns(), await network.addNetns()];
  await ip(network, client, `link add eth0 type veth peer name eth0 netns ${server.split('/').at(-1)}`);
  await ip(network, client, 'address add 10.120.0.1/24 dev eth0', 'link set eth0 up');
  await ip(network, server, 'address add 10.120.0.2/24 dev eth0', 'link set eth0 up');
  return { client, server, address: '10.120.0.2' };
}

async function plainBridge(network: TestNetwork): Promise<Path> {
  await ip(network, network.hostNetns, 'link add byhand type bridge', 'link set byhand up');
  const ends: string[] = [];
  for (const i of [1, 2]) {
    const netns = await network.addNetns();
    ends.push(netns);
    const name = netns.split('/').at(-1);
    await ip(
      network,
      network.hostNetns,
      `link add bh${i} type veth peer name eth0 netns ${name}`,
      `link set bh${i} master byhand up`,
    );
    await ip(network, netns, `address add 10.121.0.${i}/24 dev eth0`, 'link set eth0 up');
  }
  const [client = '', server = ''] = ends;
  return { client, server, address: '10.121.0.2' };
}

/** As the agent makes them: the same chain, in process. */
async function pods(
  network: TestNetwork,
  name: 'l2' | 'l3' | 'svc',
  more: Readonly<Record<string, unknown>>,
): Promise<Path> {
  const { host, hostNetns } = network;
  const id = { l2: 122, l3: 123, svc: 124 }[name];
  const ipam = { type: 'host-local', subnet: `10.${id}.0.0/24`, dataDir: join(network.directory, name) };
  const plugins = [
    { type: 'bridge', bridge: `sw-${name}`, isDefaultGateway: true, ipMasq: true, ...more, ipam },
    { type: 'portmap', capabilities: { portMappings: true } },
  ];
  const chain = createChain({
    list: parseConflist({ cniVersion: '1.1.0', name, plugins }, name),
    cache: createResultCache(join(network.directory, `results-${name}`)),
    path: [],
    call: createPluginCaller({ plugins: builtInPlugins, host, exec, env: {}, netns: hostNetns }),
  });
  const ends: { netns: string; address: string }[] = [];
  for (const containerId of [`${name}-client`, `${name}-server`]) {
    const netns = await network.addNetns();
    const result = await chain.add({ containerId, netns, ifName: 'eth0', args: [], capabilityArgs: {} }, neverAborted);
    ends.push({ netns, address: result.ips[0]?.address.split('/')[0] ?? '' });
  }
  return { client: ends[0]?.netns ?? '', server: ends[1]?.netns ?? '', address: ends[1]?.address ?? '' };
}

/** The same, by the address of a service over the other pod. */
async function throughService(network: TestNetwork): Promise<Path> {
  const path = await pods(network, 'svc', { routed: true });
  const address = '10.96.0.50';
  const services = new ObjectCache<Service>();
  const endpointSlices = new ObjectCache<EndpointSlice>();
  const metadata = { name: 'iperf', namespace: 'default', resourceVersion: '1' };
  const ports = [{ port: 5201, protocol: 'TCP' }];
  const spec = { clusterIP: address, clusterIPs: [address], ports };
  services.replace([{ apiVersion: 'v1', kind: 'Service', metadata, spec }], 1n);
  const slice: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'iperf' } },
    addressType: 'IPv4',
    ports,
    endpoints: [{ addresses: [path.address], conditions: { ready: true } }],
  };
  endpointSlices.replace([slice], 1n);
  const proxy = new ServiceProxy(
    { host: network.host, clock: systemClock, log: silentLogger, services, endpointSlices },
    {
      clusterId: 'bench',
      nodeName: 'node',
      clusterCidr: '10.124.0.0/16',
      serviceCidr: '10.96.0.0/16',
      answeredHere: [],
    },
  );
  await proxy.apply(neverAborted);
  return { ...path, address };
}

/** Gigabits per second. */
async function throughput(network: TestNetwork, { client, server, address }: Path): Promise<number> {
  const listening = new AbortController();
  const done = exec('nsenter', [`--net=${server}`, 'iperf3', '-s', '-1'], { signal: listening.signal }).catch(() => {});
  try {
    await rest(200);
    const printed = await network.run(client, 'iperf3', '-c', address, '-t', String(seconds), '-J');
    const report = JSON.parse(printed) as { end: { sum_received: { bits_per_second: number } } };
    return report.end.sum_received.bits_per_second / 1e9;
  } finally {
    listening.abort();
    await done;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const missing = missingForNetworkTests() ?? (findProgram('iperf3') ? undefined : 'iperf3');
if (missing) throw new Error(`bench/pod-network.ts needs ${missing}`);
const network = await createTestNetwork();
try {
  const paths: Path[] = [];
  for (const row of rows) paths.push(await row.make(network));
  const measured = rows.map((): number[] => []);
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, path] of paths.entries()) measured[i]?.push(await throughput(network, path));
  }
  const ofRow = new Map(rows.map(({ name }, i) => [name, median(measured[i] ?? [])]));
  process.stdout.write(
    `TCP, one stream, median of ${turns} times ${seconds} s, load average ${loadavg()[0]?.toFixed(1)}\n`,
  );
  for (const { name, against } of rows) {
    const own = ofRow.get(name) ?? 0;
    const ratio = against ? `${(own / (ofRow.get(against) ?? 1)).toFixed(2)} of ${against}` : '';
    process.stdout.write(`${name.padEnd(30)} ${own.toFixed(1).padStart(6)} Gbit/s  ${ratio}\n`);
  }
} finally {
  await network.remove();
}

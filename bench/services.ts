/**
 * The service proxy of one node with 5,000 services and 25,000 endpoints, in a network namespace of its own: from the lists
 * in the caches to the kernel's rules, one endpoint changed, memory. Caches are scripted; the objects have the size that an API server gives them.
 * `node bench/services.ts [services] [endpoints per service]`
 */
import { spawnSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { EndpointSlice, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { createKernelHost, type Host } from '@slipway/cni';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { ServiceProxy } from '@slipway/kubelet-agent';

const insideVariable = 'BENCH_SERVICES_INSIDE';
if (!process.env[insideVariable]) {
  const { status } = spawnSync('unshare', ['--net', process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, [insideVariable]: '1' },
  });
  process.exit(status ?? 1);
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const serviceCount = Number(process.argv[2] ?? 5_000);
const endpointCount = Number(process.argv[3] ?? 5);
const rounds = 30;

const dotted = (first: number, i: number) => `10.${first + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;

function serviceOf(i: number): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(`service-${i}`, { app: `app-${i}` }),
    spec: {
      type: 'ClusterIP',
      clusterIP: dotted(96, i),
      clusterIPs: [dotted(96, i)],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      selector: { app: `app-${i}` },
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
    },
    status: { loadBalancer: {} },
  };
}

function sliceOf(i: number, count: number): EndpointSlice {
  const service = `service-${i}`;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta(`${service}-x7k2p`, { app: `app-${i}`, 'kubernetes.io/service-name': service }),
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: count }, (_, k) => ({
      addresses: [dotted(128, i * endpointCount + k)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${(i + k) % 50}`,
      targetRef: { kind: 'Pod', namespace: 'default', name: `app-${i}-6d4cf56db6-${k}xk2p`, uid: uid(i * 10 + k) },
      zone: 'zone-a',
    })),
  };
}

let version = 1;
function meta(name: string, labels: Record<string, string>) {
  const creationTimestamp = '2026-01-01T00:00:00Z';
  return {
    name,
    namespace: 'default',
    uid: uid(version),
    resourceVersion: String(version++),
    creationTimestamp,
    labels,
  };
}

function uid(i: number): string {
  return `8c1d6f0e-31f8-4a66-9a53-${String(i).padStart(12, '0')}`;
}

/** As a watcher gives them: parsed, sharing nothing. */
const fresh = <T>(object: T): T => JSON.parse(JSON.stringify(object)) as T;

let applied: (() => void) | undefined;
const kernel = createKernelHost({ exec });
const host: Host = {
  ...kernel,
  async nft(script, options) {
    await kernel.nft(script, options);
    applied?.();
  },
};
const services = new ObjectCache<Service>();
const endpointSlices = new ObjectCache<EndpointSlice>();
const proxy = new ServiceProxy(
  { host, clock: systemClock, log: silentLogger, services, endpointSlices },
  {
    clusterId: 'bench',
    nodeName: 'node-1',
    clusterCidr: '10.128.0.0/9',
    serviceCidr: '10.96.0.0/12',
    answeredHere: [],
  },
);

function rss(): number {
  collect();
  return process.memoryUsage().rss / 2 ** 20;
}

/** Milliseconds from a change of the caches until the kernel has it. */
async function untilApplied(change: () => void): Promise<number> {
  const begin = performance.now();
  const done = new Promise<void>((resolve) => {
    applied = resolve;
  });
  change();
  await done;
  return performance.now() - begin;
}

const say = (what: string, value: string) => process.stdout.write(`| ${what.padEnd(52)} | ${value.padStart(20)} |\n`);
const quantile = (sorted: readonly number[], q: number) => sorted[Math.floor((sorted.length - 1) * q)] ?? 0;

const before = rss();
const stopping = new AbortController();
const running = proxy.run(stopping.signal);
const lists = { services: [] as Service[], slices: [] as EndpointSlice[] };
for (let i = 0; i < serviceCount; i++) {
  lists.services.push(fresh(serviceOf(i)));
  lists.slices.push(fresh(sliceOf(i, endpointCount)));
}
const withObjects = rss();
const first = await untilApplied(() => {
  services.replace(lists.services, BigInt(version));
  endpointSlices.replace(lists.slices, BigInt(version));
});
say(`${serviceCount} services, ${serviceCount * endpointCount} endpoints: first sync`, `${Math.round(first)} ms`);

const times: number[] = [];
for (let round = 0; round < rounds; round++) {
  await systemClock.sleep(120, stopping.signal);
  const slice = fresh(sliceOf(round >> 1, endpointCount - 1 + (round % 2)));
  times.push(await untilApplied(() => endpointSlices.apply([{ object: slice, gone: false }], BigInt(version))));
}

const sorted = times.toSorted((a, b) => a - b);
say('one endpoint changed: p50, p99', `${quantile(sorted, 0.5).toFixed(1)}, ${quantile(sorted, 0.99).toFixed(1)} ms`);
await systemClock.sleep(1_000, stopping.signal);
const after = rss();
say(
  'memory: objects in the caches, the proxy, all',
  `${[withObjects - before, after - withObjects, after - before].map((mib) => Math.round(mib)).join(', ')} MiB`,
);
stopping.abort();
await running;

/**
 * Cluster DNS of one node over 5,000 services with 25,000 endpoints, in a process of its own: answers a second with 32
 * questions on their way, and their delays. The same client asks a socket that only echoes, in turns, so that what the
 * machine and the client cost can be told from what the server costs. `node bench/dns.ts [seconds]`
 */
import { fork } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import type { EndpointSlice, Pod, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { createClusterDns, ServiceDirectory } from '@slipway/kubelet-agent';

const serviceCount = 5_000;
const endpointsEach = 5;
const sockets = 16;
const inFlightEach = 2;
const rounds = 3;
const neverAborted = new AbortController().signal;

interface Told {
  readonly port: number;
  readonly directoryMiB: number;
  readonly changeMicroseconds: number;
}

function service(i: number): Service {
  const clusterIP = `10.96.${i >> 8}.${i & 255}`;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `web-${i}`, namespace: `team-${i % 50}`, uid: `uid-${i}` },
    spec: {
      clusterIP,
      clusterIPs: [clusterIP],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      selector: { app: `web-${i}` },
    },
  };
}

function slice(i: number): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `web-${i}-x`, namespace: `team-${i % 50}`, labels: { 'kubernetes.io/service-name': `web-${i}` } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: endpointsEach }, (_, j) => {
      const n = i * endpointsEach + j;
      return { addresses: [`10.${64 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`], conditions: { ready: true } };
    }),
  };
}

async function heapAtRest(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await systemClock.sleep(50, neverAborted);
    globalThis.gc?.();
  }
  return process.memoryUsage().heapUsed;
}

/** What the parent measures. */
async function serve(kind: string): Promise<void> {
  if (kind === 'echo') {
    const socket = createSocket('udp4');
    socket.on('message', (message, from) => socket.send(message, from.port, from.address));
    socket.bind(0, '127.0.0.1', () => process.send?.({ port: socket.address().port } satisfies Partial<Told>));
    return;
  }
  const services = new ObjectCache<Service>();
  const endpointSlices = new ObjectCache<EndpointSlice>();
  services.replace(
    Array.from({ length: serviceCount }, (_, i) => service(i)),
    1n,
  );
  endpointSlices.replace(
    Array.from({ length: serviceCount }, (_, i) => slice(i)),
    1n,
  );
  const before = await heapAtRest();
  const directories = [new ServiceDirectory({ services, endpointSlices }, systemClock)];
  const directoryMiB = ((await heapAtRest()) - before) / 2 ** 20;
  directories.pop();
  const dns = createClusterDns(
    {
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      services,
      endpointSlices,
      pods: new ObjectCache<Pod>(),
      hostResolvers: async () => [],
    },
    { address: '127.0.0.1', port: 0, clusterDomain: 'cluster.local', ownNetworks: ['10.64.0.0/10', '10.96.0.0/16'] },
  );
  const changes = 2_000;
  const startedMs = performance.now();
  for (let i = 0; i < changes; i++) {
    const changed = { ...slice(i), endpoints: slice(i + 1).endpoints ?? [] };
    endpointSlices.apply([{ object: changed, gone: false }], BigInt(i + 2));
  }
  const changeMicroseconds = ((performance.now() - startedMs) * 1000) / changes;
  void dns.run(neverAborted);
  const { port } = await dns.ready;
  process.send?.({ port, directoryMiB, changeMicroseconds } satisfies Told);
}

function question(name: string, type: number): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const head = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, type, 0, 1])]);
}

/** As pods ask: addresses of both families, and now and then a name that is none. */
const questions = Array.from({ length: 512 }, (_, i) => {
  const n = (i * 37) % serviceCount;
  const name = `web-${n}.team-${n % 50}.svc.cluster.local`;
  return question(i % 16 === 0 ? `${name}.team-1.svc.cluster.local` : name, i % 2 ? 1 : 28);
});

interface Measured {
  readonly answersPerSecond: number;
  readonly p50: number;
  readonly p99: number;
}

async function measure(port: number, seconds: number): Promise<Measured> {
  const delays: number[] = [];
  const endMs = performance.now() + seconds * 1000;
  const run = async (): Promise<void> => {
    const socket: Socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve));
    const sentMs = new Map<number, number>();
    let next = 0;
    const ask = () => {
      const id = next++ & 0xffff;
      const message = Buffer.from(questions[next % questions.length] ?? Buffer.alloc(0));
      message.writeUInt16BE(id, 0);
      sentMs.set(id, performance.now());
      socket.send(message);
    };
    await new Promise<void>((resolve) => {
      socket.on('message', (answer) => {
        const now = performance.now();
        delays.push(now - (sentMs.get(answer.readUInt16BE(0)) ?? now));
        if (now < endMs) ask();
        else resolve();
      });
      for (let i = 0; i < inFlightEach; i++) ask();
    });
    socket.close();
  };
  await Promise.all(Array.from({ length: sockets }, run));
  const sorted = delays.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { answersPerSecond: Math.round(delays.length / seconds), p50: at(0.5), p99: at(0.99) };
}

async function main(): Promise<void> {
  const seconds = Number(process.argv[2] ?? 3);
  const start = (kind: string) => fork(import.meta.filename, ['serve', kind], { execArgv: ['--expose-gc'] });
  const [dns, echo] = [start('dns'), start('echo')];
  const [[told], [echoes]] = (await Promise.all([once(dns, 'message'), once(echo, 'message')])) as [[Told], [Told]];
  await measure(told.port, 1); // warm
  console.log('| server | answers/s | p50 ms | p99 ms |\n|---|---|---|---|');
  for (let i = 0; i < rounds; i++) {
    for (const [name, port] of [
      ['dns', told.port],
      ['echo', echoes.port],
    ] as const) {
      const { answersPerSecond, p50, p99 } = await measure(port, seconds);
      console.log(`| ${name} | ${answersPerSecond} | ${p50.toFixed(2)} | ${p99.toFixed(2)} |`);
    }
  }
  console.log(
    `\ndirectory: ${told.directoryMiB.toFixed(1)} MiB beside the caches; one changed slice: ${told.changeMicroseconds.toFixed(0)} µs`,
  );
  console.log(`load average: ${loadavg()[0]?.toFixed(1)}`);
  for (const child of [dns, echo]) child.kill();
}

await (process.argv[2] === 'serve' ? serve(process.argv[3] ?? '') : main());

/**
 * The ECS API with signatures verified: RegisterTaskDefinition, and DescribeTasks of a hundred running tasks, over plain HTTP and over TLS on
 * the loopback, each after a warm-up. Prints a table.
 */
import { systemClock } from '@slipway/kit/clock';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { type BenchCluster, startCluster } from './cluster.ts';
import { EcsConnection, freePort, prepareEcs, sha256, signedRequest } from './ecs-client.ts';

const seconds = Number(process.argv[2] ?? 5);
const connections = 32;
/** Until the server's code is compiled. */
const warmUpSeconds = 2;

async function rate(port: number, isTls: boolean, operation: string, body: string, lastsSeconds = seconds) {
  const all = await Promise.all(Array.from({ length: connections }, () => EcsConnection.open(port, isTls)));
  const host = `127.0.0.1:${port}`;
  let [made, failed] = [0, 0];
  const times: number[] = [];
  const startMs = performance.now();
  const untilMs = startMs + lastsSeconds * 1000;
  let signed: { second: number; request: Buffer } = { second: -1, request: Buffer.alloc(0) };
  const request = () => {
    const second = Math.floor(systemClock.nowMs() / 1000);
    if (second !== signed.second) signed = { second, request: signedRequest(host, operation, body) };
    return signed.request;
  };
  await Promise.all(
    all.map(async (connection) => {
      while (performance.now() < untilMs) {
        const sentMs = performance.now();
        if (await connection.send(request())) made += 1;
        else failed += 1;
        times.push(performance.now() - sentMs);
      }
      connection.close();
    }),
  );
  times.sort((a, b) => a - b);
  const tookSeconds = (performance.now() - startMs) / 1000;
  const at = (part: number) => (times[Math.floor(times.length * part)] ?? 0).toFixed(1);
  return { perSecond: Math.round(made / tookSeconds), failed, p50: at(0.5), p99: at(0.99) };
}

/** Milliseconds of processor time that the process has taken so far, in all its threads. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function hundredTasks(cluster: BenchCluster): Promise<string[]> {
  const group = '/apis/ecs.slipway.dev/v1';
  const ids = Array.from({ length: 100 }, (_, index) => sha256(String(index)).slice(0, 32));
  const at = new Date().toISOString();
  for (const name of ids) {
    const metadata = { name, namespace: 'default' };
    const spec = { taskDefinition: 'bench:1', group: 'service:bench', startedBy: 'ecs-svc/1234567890' };
    const path = `${group}/namespaces/default/tasks`;
    await cluster.call('POST', path, { apiVersion: 'ecs.slipway.dev/v1', kind: 'Task', metadata, spec });
    const containers = ['app', 'proxy'].map((container) => ({
      ...{
        name: container,
        image: 'registry.example/app:1',
        runtimeId: sha256(name + container),
        lastStatus: 'RUNNING',
      },
      ...{ imageDigest: `sha256:${sha256(container)}`, cpu: '128', memory: '256', healthStatus: 'HEALTHY' },
      networkInterfaces: [{ attachmentId: name, privateIpv4Address: '10.64.0.17' }],
    }));
    const status = {
      ...{
        lastStatus: 'RUNNING',
        taskDefinition: 'bench:1',
        containerInstance: 'node-1',
        podName: name,
        healthStatus: 'HEALTHY',
      },
      ...{ connectivity: 'CONNECTED', connectivityAt: at, pullStartedAt: at, pullStoppedAt: at, startedAt: at },
      ...{ cpu: '256', memory: '512', availabilityZone: 'a', containers },
    };
    const whole = { apiVersion: 'ecs.slipway.dev/v1', kind: 'Task', metadata, spec, status };
    const found = (await cluster.call('GET', `${path}/${name}`)).body as { metadata: { resourceVersion: string } };
    const { resourceVersion } = found.metadata;
    await cluster.call('PUT', `${path}/${name}/status`, { ...whole, metadata: { ...metadata, resourceVersion } });
  }
  return ids;
}

const port = await freePort();
const cluster = await startCluster({ command: 'apiserver', flags: [`--ecs-port=${port}`] });
try {
  await prepareEcs(cluster);
  const tasks = await hundredTasks(cluster);
  const definition = {
    family: 'bench',
    containerDefinitions: ['app', 'proxy'].map((name) => ({
      ...{
        name,
        image: 'registry.example/app:1',
        memory: 64,
        portMappings: [{ containerPort: name === 'app' ? 80 : 81 }],
      },
      environment: Array.from({ length: 10 }, (_, index) => ({ name: `V${index}`, value: 'value' })),
    })),
  };
  const inputs = {
    RegisterTaskDefinition: JSON.stringify(definition),
    'DescribeTasks of 100': JSON.stringify({ tasks }),
  };
  const rows: object[] = [];
  for (const [name, body] of Object.entries(inputs)) {
    for (const isTls of [false, true]) {
      const operation = name.split(' ')[0] ?? '';
      await rate(port, isTls, operation, body, warmUpSeconds);
      const beforeMs = cpuMs(cluster.pid);
      const result = await rate(port, isTls, operation, body);
      const serverMs = ((cpuMs(cluster.pid) - beforeMs) / (result.perSecond * seconds)).toFixed(2);
      rows.push({ what: name, over: isTls ? 'TLS' : 'HTTP', ...result, 'server CPU ms': serverMs });
    }
  }
  console.table(rows);
  console.log(`load ${loadavg()[0]?.toFixed(2)}, ${connections} connections, ${seconds} s each`);
} finally {
  await cluster.stop();
}

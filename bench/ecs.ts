/**
 * The ECS API with signatures verified: RegisterTaskDefinition, and DescribeTasks of a hundred running tasks, over plain HTTP and over TLS on
 * the loopback. The client signs once a second and writes ready-made bytes, so that it costs little. Prints a table.
 */
import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { loadavg } from 'node:os';
import { connect as connectTls } from 'node:tls';
import { type BenchCluster, startCluster } from './cluster.ts';

const seconds = Number(process.argv[2] ?? 5);
const connections = 16;
const key = { id: 'AKIABENCH', secret: 'bench-secret' };
const region = 'eu-central-1';

function hmac(secret: string | Buffer, text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest();
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** A whole request, signed for this second. */
function signedRequest(host: string, operation: string, body: string): Buffer {
  const time = `${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    host,
    'x-amz-date': time,
    'x-amz-target': `AmazonEC2ContainerServiceV20141113.${operation}`,
  };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}`);
  const canonical = ['POST', '/', '', ...lines, '', names, sha256(body)].join('\n');
  const scope = `${time.slice(0, 8)}/${region}/ecs/aws4_request`;
  const signing = scope.split('/').reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${key.secret}`);
  const signature = hmac(signing, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${key.id}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const sent = [...lines.map((line) => line.replace(':', ': ')), `authorization: ${authorization}`];
  return Buffer.from(
    `POST / HTTP/1.1\r\n${sent.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** One connection: a request at a time, answers told by their length alone. */
class Connection {
  readonly #socket: Socket;
  #left = 0;
  #head = '';
  #answered: ((ok: boolean) => void) | undefined;
  #isOk = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  send(request: Buffer): Promise<boolean> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#left === 0) {
      const end = chunk.indexOf('\r\n\r\n');
      this.#head = chunk.subarray(0, end).toString('latin1');
      this.#isOk = this.#head.startsWith('HTTP/1.1 200');
      this.#left = Number(/content-length: (\d+)/i.exec(this.#head)?.[1] ?? 0) - (chunk.length - end - 4);
    } else this.#left -= chunk.length;
    if (this.#left === 0) this.#answered?.(this.#isOk);
  }
}

async function open(port: number, isTls: boolean): Promise<Connection> {
  const socket = isTls
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : connect(port, '127.0.0.1');
  await new Promise((done, fail) => socket.once(isTls ? 'secureConnect' : 'connect', done).once('error', fail));
  return new Connection(socket.setNoDelay(true));
}

async function rate(port: number, isTls: boolean, operation: string, body: string) {
  const all = await Promise.all(Array.from({ length: connections }, () => open(port, isTls)));
  const host = `127.0.0.1:${port}`;
  let [made, failed] = [0, 0];
  const times: number[] = [];
  const startMs = performance.now();
  const untilMs = startMs + seconds * 1000;
  let signed: { second: number; request: Buffer } = { second: -1, request: Buffer.alloc(0) };
  const request = () => {
    const second = Math.floor(Date.now() / 1000);
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

async function hundredTasks(cluster: BenchCluster): Promise<string[]> {
  const group = '/apis/ecs.slipway.dev/v1';
  await cluster.call('POST', `${group}/clusters`, {
    apiVersion: 'ecs.slipway.dev/v1',
    kind: 'Cluster',
    metadata: { name: 'default' },
  });
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
  const metadata = { name: 'bench', namespace: 'kube-system' };
  const stringData = { accessKeyId: key.id, secretAccessKey: key.secret, user: 'bench', groups: 'system:masters' };
  const secret = { apiVersion: 'v1', kind: 'Secret', type: 'slipway.dev/aws-access-key', metadata, stringData };
  await cluster.call('POST', '/api/v1/namespaces/kube-system/secrets', secret);
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

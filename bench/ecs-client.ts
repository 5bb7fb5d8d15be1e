/** What speaks to the ECS API in measurements: it signs once a second and writes ready-made bytes, so that it costs little. */
import { createHash, createHmac } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { BenchCluster } from './cluster.ts';

const key = { id: 'AKIABENCH', secret: 'bench-secret' };
const region = 'eu-central-1';

function hmac(secret: string | Buffer, text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest();
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** An access key of a user with the role of ECS, and the cluster `default`. */
export async function prepareEcs(cluster: BenchCluster): Promise<void> {
  const metadata = { name: 'bench', namespace: 'kube-system' };
  const stringData = { accessKeyId: key.id, secretAccessKey: key.secret, user: 'bench' };
  const secret = { apiVersion: 'v1', kind: 'Secret', type: 'slipway.dev/aws-access-key', metadata, stringData };
  await cluster.call('POST', '/api/v1/namespaces/kube-system/secrets', secret);
  const rbac = 'rbac.authorization.k8s.io';
  await cluster.call('POST', `/apis/${rbac}/v1/clusterrolebindings`, {
    ...{ apiVersion: `${rbac}/v1`, kind: 'ClusterRoleBinding', metadata: { name: 'bench-ecs' } },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'slipway:ecs' },
    subjects: [{ apiGroup: rbac, kind: 'User', name: 'bench' }],
  });
  await cluster.call('POST', '/apis/ecs.slipway.dev/v1/clusters', {
    apiVersion: 'ecs.slipway.dev/v1',
    kind: 'Cluster',
    metadata: { name: 'default' },
  });
}

/** A whole request, signed for this second. */
export function signedRequest(host: string, operation: string, body: string): Buffer {
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

/** One connection: a request at a time. The bytes of an answer are kept only where somebody reads them. */
export class EcsConnection {
  readonly #socket: Socket;
  readonly #host: string;
  #left = 0;
  #isOk = false;
  #body: Buffer[] | undefined;
  #answered: ((ok: boolean) => void) | undefined;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  static async open(port: number, isTls: boolean): Promise<EcsConnection> {
    const socket = isTls
      ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      : connect(port, '127.0.0.1');
    await new Promise((done, fail) => socket.once(isTls ? 'secureConnect' : 'connect', done).once('error', fail));
    return new EcsConnection(socket.setNoDelay(true), `127.0.0.1:${port}`);
  }

  /** Whether it succeeded. */
  send(request: Buffer): Promise<boolean> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(request);
    });
  }

  /** What the operation answers. Throws with the exception's text. */
  async call<T>(operation: string, input: object): Promise<T> {
    this.#body = [];
    const isOk = await this.send(signedRequest(this.#host, operation, JSON.stringify(input)));
    const text = Buffer.concat(this.#body).toString();
    this.#body = undefined;
    if (!isOk) throw new Error(`${operation}: ${text}`);
    return JSON.parse(text) as T;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    let body = chunk;
    if (this.#left === 0) {
      const end = chunk.indexOf('\r\n\r\n');
      const head = chunk.subarray(0, end).toString('latin1');
      this.#isOk = head.startsWith('HTTP/1.1 200');
      this.#left = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      body = chunk.subarray(end + 4);
    }
    this.#left -= body.length;
    this.#body?.push(body);
    if (this.#left === 0) this.#answered?.(this.#isOk);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

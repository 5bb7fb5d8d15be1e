import { nextTurn } from '@slipway/kit/next-turn';
import { once } from 'node:events';
import { request } from 'node:https';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, PassThrough } from 'node:stream';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import WebSocket from 'ws';
import { aPod } from '../pods/testing/a-pod.ts';
import { ScriptedRuntime } from '../pods/testing/scripted-runtime.ts';
import { containerLabels, podLabels } from '../pods/pod-labels.ts';
import {
  type ExecRequest,
  type ExecSession,
  RuntimeError,
  type RuntimeService,
  type TerminalSize,
} from '../runtime/cri.ts';
import { type AgentServer, startAgentServer } from './agent-server.ts';

/** Certificates by the openssl program: an authority, and what it signed for the server and for two callers. */
async function makeCertificates(directory: string) {
  const run = (...args: string[]) => exec('openssl', args, { signal: neverAborted, cwd: directory });
  await run(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=ca',
    '-days',
    '1',
  );
  const issue = async (name: string, subject: string) => {
    await run(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      subject,
    );
    await run(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.crt`,
      '-days',
      '1',
    );
    const read = async (file: string) =>
      (await exec('cat', [join(directory, file)], { signal: neverAborted })).stdout.toString();
    return { cert: await read(`${name}.crt`), key: await read(`${name}.key`), ca: await read('ca.crt') };
  };
  return {
    server: await issue('server', '/CN=node'),
    api: await issue('api', '/CN=kube-apiserver'),
    user: await issue('user', '/CN=somebody'),
  };
}

describe('the agent server', () => {
  let directory: string;
  let certificates: Awaited<ReturnType<typeof makeCertificates>>;
  let server: AgentServer;
  let runtime: ScriptedRuntime;
  let sessions: Scripted[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'agent-server-'));
    certificates = await makeCertificates(directory);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  beforeEach(async () => {
    runtime = new ScriptedRuntime(new VirtualClock());
    sessions = [];
    const pod = aPod();
    const sandbox = await runtime.service.runPodSandbox(sandboxConfigOf(pod), neverAborted);
    for (const attempt of [0, 1]) {
      const id = await runtime.service.createContainer(sandbox, containerConfigOf(pod, attempt), neverAborted);
      await runtime.service.startContainer(id, neverAborted);
      if (attempt === 0) runtime.exit('c', 1);
      const logPath = join(directory, `${attempt}.log`);
      await writeFile(logPath, `2026-01-01T00:00:00Z stdout F attempt ${attempt}\n`);
      const made = runtime.containers.get(id);
      if (made) made.status = { ...made.status, logPath };
    }
    const service: RuntimeService = {
      ...runtime.service,
      exec: async (call, signal) => {
        const session = new Scripted(call, signal);
        sessions.push(session);
        return session;
      },
      portForward: async (_, port) => {
        if (port !== 80) throw new RuntimeError('unavailable', `connection refused: port ${port}`);
        return echo();
      },
    };
    server = await startAgentServer(
      {
        runtime: service,
        clock: systemClock,
        log: silentLogger,
        pods: () => [pod],
        metrics: () => 'kubelet_running_pods 1\n',
        stats: { summary: async () => ({ pods: [] }), resourceMetrics: async () => '' },
      },
      { host: '127.0.0.1', port: 0, tls: { ...certificates.server, clientCa: certificates.server.ca } },
    );
  });
  afterEach(() => server.close());

  const get = (path: string, who: 'api' | 'user' | 'nobody' = 'api') =>
    new Promise<{ code: number; body: string }>((resolve, reject) => {
      const identity = who !== 'nobody' ? { cert: certificates[who].cert, key: certificates[who].key } : {};
      const options = {
        host: '127.0.0.1',
        port: server.port,
        path,
        ca: certificates.server.ca,
        servername: 'node',
        agent: false,
        ...identity,
      } as const;
      const call = request(options, async (response) => {
        const parts: Buffer[] = [];
        for await (const part of response) parts.push(part as Buffer);
        resolve({ code: response.statusCode ?? 0, body: Buffer.concat(parts).toString() });
      });
      call.on('error', reject);
      call.end();
    });

  const open = (path: string, protocol: string, who: 'api' | 'user' = 'api') => {
    const { cert, key, ca } = certificates[who];
    const options = { cert, key, ca, servername: 'node' };
    const socket = new WebSocket(`wss://127.0.0.1:${server.port}${path}`, protocol, options);
    const frames: Buffer[] = [];
    const texts: string[] = [];
    socket.on('message', (data: Buffer, isBinary) => void (isBinary ? frames.push(data) : texts.push(data.toString())));
    const on = (channel: number) =>
      Buffer.concat(frames.filter((frame) => frame[0] === channel).map((frame) => frame.subarray(1))).toString();
    const closed = once(socket, 'close');
    closed.catch(() => {}); // a refusal is seen as the socket's error
    return { socket, frames, texts, on, closed };
  };
  const send = (socket: WebSocket, channel: number, text: string) =>
    socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(text)]));
  const until = async (condition: () => boolean) => {
    for (const begin = performance.now(); performance.now() - begin < 3000; ) {
      if (condition()) return;
      await nextTurn();
    }
    throw new Error('condition not reached');
  };

  it('serves the API server and nobody else', async () => {
    expect(await get('/healthz')).toEqual({ code: 200, body: 'ok' });
    expect(await get('/healthz', 'user')).toMatchObject({
      code: 403,
      body: expect.stringContaining('only the API server'),
    });
    await expect(get('/healthz', 'nobody')).rejects.toThrow();
    const refused = open('/exec/ns/p/c?command=x', 'v5.channel.k8s.io', 'user');
    const [error] = (await once(refused.socket, 'error')) as [Error];
    expect(error.message).toContain('403');
  });

  it('answers pods, metrics and the log of this and the previous attempt', async () => {
    expect(JSON.parse((await get('/pods')).body)).toMatchObject({
      kind: 'PodList',
      items: [{ metadata: { name: 'p' } }],
    });
    expect((await get('/metrics')).body).toContain('kubelet_running_pods 1');
    expect(await get('/containerLogs/ns/p/c')).toEqual({ code: 200, body: 'attempt 1\n' });
    expect((await get('/containerLogs/ns/p/c?previous=true')).body).toBe('attempt 0\n');
  });

  it.each([
    ['/containerLogs/ns/gone/c', 404, 'pods \\"gone\\" not found'],
    ['/containerLogs/ns/p/x', 400, 'container x is not valid for pod p'],
    ['/containerLogs/ns/p/c?tailLines=-1', 400, 'invalid tailLines'],
    ['/nothing', 404, 'does not serve /nothing'],
  ])('refuses %p', async (path, code, text) => {
    expect(await get(path)).toMatchObject({ code, body: expect.stringContaining(text) });
  });

  it('carries input, output, sizes and the exit code of a command', async () => {
    const { socket, on, closed } = open(
      '/exec/ns/p/c?command=cat&command=-n&input=1&output=1&error=1',
      'v5.channel.k8s.io',
    );
    await once(socket, 'open');
    await until(() => sessions.length === 1);
    const [session] = sessions as [Scripted];
    expect(session.call).toMatchObject({ cmd: ['cat', '-n'], stdin: true, tty: false });
    send(socket, 0, 'hello');
    for (const size of ['{"Width":81,"Height":25}', '{"Width":80,"Height":24}']) send(socket, 4, size);
    await until(() => session.input === 'hello' && session.sizes.length === 2);
    expect(session.sizes.at(-1)).toEqual({ width: 80, height: 24 });
    socket.send(Buffer.from([255, 0]));
    await until(() => session.stdin.writableFinished);
    session.stdout.end('out');
    session.stderr.end('err');
    session.exit(3);
    await closed;
    expect([on(1), on(2)]).toEqual(['out', 'err']);
    expect(JSON.parse(on(3))).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
  });

  it('ends the command when the client goes away', async () => {
    const { socket } = open('/exec/ns/p/c?command=sh&input=1&output=1', 'v4.channel.k8s.io');
    await once(socket, 'open');
    await until(() => sessions.length === 1);
    socket.terminate();
    await until(() => sessions[0]?.signal.aborted ?? false);
  });

  it('does not read on when the client does not', async () => {
    const { socket } = open('/exec/ns/p/c?command=yes&output=1', 'v5.channel.k8s.io');
    await once(socket, 'open');
    await until(() => sessions.length === 1);
    const [session] = sessions as [Scripted];
    socket.pause();
    let written = 0;
    let isDrained = true;
    const chunk = Buffer.alloc(64 * 1024);
    // What the kernel buffers on loopback is a few MiB at most; a pump without backpressure would take all of it.
    while (isDrained && written < 64 * 1024 * 1024) {
      written += chunk.length;
      if (session.stdout.write(chunk)) continue;
      isDrained = false;
      session.stdout.once('drain', () => {
        isDrained = true;
      });
      const begin = performance.now();
      while (!isDrained && performance.now() - begin < 300) await nextTurn();
    }
    expect(written).toBeLessThan(64 * 1024 * 1024);
    socket.terminate();
  });

  it('says in the error channel that a command cannot be run', async () => {
    const { socket, on, closed } = open('/exec/ns/p/c?command=nope&output=1', 'v5.channel.k8s.io');
    await once(socket, 'open');
    await until(() => sessions.length === 1);
    const [session] = sessions as [Scripted];
    session.fail(new RuntimeError('commandNotFound', 'exec: "nope": executable file not found in $PATH'));
    await closed;
    expect(JSON.parse(on(3))).toMatchObject({
      status: 'Failure',
      reason: 'InternalError',
      message: expect.stringContaining('executable file not found'),
    });
  });

  it('forwards a port, with the end of each direction', async () => {
    const { socket, frames, texts, closed } = open('/portForward/ns/p?port=80', 'v1.portforward.slipway.dev');
    await once(socket, 'open');
    socket.send(Buffer.from('ping'));
    await until(() => Buffer.concat(frames).toString() === 'ping');
    socket.send('EOF');
    await until(() => texts.includes('EOF'));
    const [code] = (await closed) as [number];
    expect(code).toBe(1000);
  });

  it('says why a port cannot be reached', async () => {
    const { closed } = open('/portForward/ns/p?port=81', 'v1.portforward.slipway.dev');
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1011, 'connection refused: port 81']);
  });
});

class Scripted implements ExecSession {
  readonly call: ExecRequest;
  readonly signal: AbortSignal;
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly sizes: TerminalSize[] = [];
  input = '';
  exit: (code: number) => void = () => {};
  fail: (error: Error) => void = () => {};
  readonly exitCode: Promise<number>;

  constructor(call: ExecRequest, signal: AbortSignal) {
    this.call = call;
    this.signal = signal;
    this.stdin.on('data', (chunk: Buffer) => {
      this.input += chunk.toString();
    });
    this.exitCode = new Promise((resolve, reject) => {
      this.exit = resolve;
      this.fail = (error) => {
        this.stdout.end();
        this.stderr.end();
        reject(error);
      };
    });
  }

  /** The first one takes longer than what follows. */
  async resize(size: TerminalSize): Promise<void> {
    if (this.sizes.length === 0) await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    this.sizes.push(size);
  }
}

/** A connection whose other end answers what it hears. */
function echo(): Duplex {
  return new PassThrough();
}

function sandboxConfigOf(pod: ReturnType<typeof aPod>) {
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  return {
    metadata: { name, namespace, uid, attempt: 0 },
    hostname: name,
    logDirectory: '/logs',
    portMappings: [],
    labels: podLabels(pod),
    annotations: {},
    linux: {
      cgroupParent: '/x',
      securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } },
    },
  } as const;
}

function containerConfigOf(pod: ReturnType<typeof aPod>, attempt: number) {
  return {
    metadata: { name: 'c', attempt },
    image: { image: 'c:1' },
    command: [],
    args: [],
    workingDir: '',
    envs: [],
    mounts: [],
    devices: [],
    labels: containerLabels(pod, 'c'),
    annotations: {},
    logPath: `c/${attempt}.log`,
    stdin: false,
    stdinOnce: false,
    tty: false,
    linux: { resources: {}, securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } } },
  } as const;
}

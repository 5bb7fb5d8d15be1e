import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Probe } from '@slipway/api/types';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { ContainerProbes, type EarlierResults } from './container-probes.ts';
import type { ProbeOutcome, ProbeType } from './probe-results.ts';
import { type ProbeExec, type ProbeTarget, resolvePort, runProbe } from './run-probe.ts';

const target = (more: Partial<ProbeTarget['container']> = {}): ProbeTarget => ({
  podUid: 'uid-1',
  containerId: 'c0',
  container: { name: 'c', ...more },
  podIp: '127.0.0.1',
  startedAtMs: Date.UTC(2026, 0, 1),
});

describe('ContainerProbes', () => {
  /** Exec probes answer what `codes` says, by the probe's command; the runs are counted. */
  const world = (codes: Record<string, number>) => {
    const clock = new VirtualClock();
    const runs: string[] = [];
    const unhealthy: [ProbeType, string][] = [];
    let changes = 0;
    const exec: ProbeExec = async (_, [name = '']) => {
      runs.push(name);
      return { exitCode: codes[name] ?? 0, output: `${name} said`, timedOut: codes[name] === 99 };
    };
    const probes = new ContainerProbes({
      clock,
      random: seededRandom(1),
      exec,
      onChange: () => void changes++,
      onUnhealthy: (_, type, outcome: ProbeOutcome) => void unhealthy.push([type, outcome.output]),
    });
    const begin = (more: Partial<ProbeTarget['container']>, earlier?: EarlierResults) =>
      probes.ensure(target(more), earlier);
    return {
      clock,
      runs,
      unhealthy,
      probes,
      codes,
      begin,
      changes: () => changes,
      results: () => probes.results('c0'),
    };
  };
  const probe = (name: string, more: Partial<Probe> = {}): Probe => ({
    exec: { command: [name] },
    periodSeconds: 10,
    failureThreshold: 3,
    ...more,
  });

  it('calls a container without probes ready at once', () => {
    const { begin, results } = world({});
    begin({});
    expect(results()).toEqual({ started: true, ready: true });
  });

  it('asks for readiness at once and then every period', async () => {
    const { clock, begin, results, runs, changes } = world({});
    begin({ readinessProbe: probe('ready') });
    expect(results()).toEqual({ started: true, ready: false });
    await clock.advance(0);
    expect([results()?.ready, runs.length, changes()]).toEqual([true, 1, 1]);
    await clock.advance(25_000);
    expect([runs.length, changes()]).toEqual([3, 1]);
  });

  it('waits for the initial delay, counted from the start of the container', async () => {
    const { clock, begin, runs } = world({});
    await clock.advance(3_000);
    begin({ readinessProbe: probe('ready', { initialDelaySeconds: 5 }) });
    await clock.advance(1_999);
    expect(runs).toEqual([]);
    await clock.advance(1);
    expect(runs).toEqual(['ready']);
  });

  it('becomes unready only after the threshold, and ready again at the first success', async () => {
    const { clock, begin, results, codes, unhealthy } = world({});
    begin({ readinessProbe: probe('ready') });
    await clock.advance(0);
    codes.ready = 1;
    await clock.advance(20_000);
    expect(results()?.ready).toBe(true);
    await clock.advance(10_000);
    expect(results()?.ready).toBe(false);
    expect(unhealthy).toEqual(Array(3).fill(['readiness', 'ready said']));
    codes.ready = 0;
    await clock.advance(10_000);
    expect(results()?.ready).toBe(true);
  });

  it('counts successes too', async () => {
    const { clock, begin, results } = world({});
    begin({ readinessProbe: probe('ready', { successThreshold: 2 }) });
    await clock.advance(0);
    expect(results()?.ready).toBe(false);
    await clock.advance(10_000);
    expect(results()?.ready).toBe(true);
  });

  it('gives a container up after failed liveness probes and asks no more', async () => {
    const { clock, begin, results, runs } = world({ live: 1 });
    begin({ livenessProbe: probe('live') });
    await clock.advance(19_999);
    expect(results()?.failed).toBeUndefined();
    await clock.advance(1);
    expect(results()?.failed).toBe('liveness');
    await clock.advance(100_000);
    expect(runs).toHaveLength(3);
  });

  it('lets nothing else be asked before the startup probe succeeded', async () => {
    const { clock, begin, results, codes, runs } = world({ start: 1 });
    begin({
      startupProbe: probe('start', { failureThreshold: 30 }),
      livenessProbe: probe('live'),
      readinessProbe: probe('ready'),
    });
    await clock.advance(20_000);
    expect(results()).toEqual({ started: false, ready: false });
    expect(new Set(runs)).toEqual(new Set(['start']));
    codes.start = 0;
    await clock.advance(10_000);
    expect(results()).toEqual({ started: true, ready: true });
  });

  it('gives a container up that does not start', async () => {
    const { clock, begin, results } = world({ start: 1 });
    begin({ startupProbe: probe('start', { failureThreshold: 2 }) });
    await clock.advance(10_000);
    expect(results()?.failed).toBe('startup');
  });

  it('keeps a container ready that was so before the agent was started again', async () => {
    const { clock, begin, results, runs } = world({});
    begin({ startupProbe: probe('start'), readinessProbe: probe('ready') }, { started: true, ready: true });
    expect(results()).toEqual({ started: true, ready: true });
    await clock.advance(10_000);
    expect(runs).toEqual(['ready']);
  });

  it('stops asking when the container is forgotten', async () => {
    const { clock, begin, probes, runs } = world({});
    begin({ livenessProbe: probe('live') });
    await clock.advance(0);
    probes.keepOnly('uid-1', new Set());
    await clock.advance(100_000);
    expect(runs).toEqual(['live']);
    expect(clock.nextTimerMs()).toBeUndefined();
  });
});

describe('runProbe', () => {
  let server: Server;
  let port: number;
  const answer = (handle: (request: IncomingMessage, response: ServerResponse) => void) => server.on('request', handle);
  const exec: ProbeExec = async () => ({ exitCode: 0, output: '', timedOut: true });
  const run = (probe: Probe, more: Partial<ProbeTarget['container']> = {}) =>
    runProbe(
      probe,
      target({ ports: [{ name: 'http', containerPort: port }], ...more }),
      { exec, clock: systemClock },
      neverAborted,
    );

  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterEach(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });

  it('takes 200 to 399 as success and sends the headers asked for', async () => {
    const seen: IncomingMessage['headers'][] = [];
    answer(({ headers, url }, response) => {
      seen.push(headers);
      response.writeHead(url === '/ok' ? 204 : 500).end();
    });
    const get = (path: string) =>
      run({
        httpGet: {
          path,
          port: 'http',
          httpHeaders: [
            { name: 'X-Probe', value: 'yes' },
            { name: 'Host', value: 'web' },
          ],
        },
      });
    expect((await get('/ok')).result).toBe('success');
    expect(await get('/bad')).toEqual({ result: 'failure', output: 'HTTP probe failed with statuscode: 500' });
    expect(seen[0]).toMatchObject({ 'x-probe': 'yes', host: 'web', 'user-agent': 'kube-probe/1.36' });
  });

  it('follows redirects at home and takes one to elsewhere as success', async () => {
    answer(({ url }, response) => {
      if (url === '/here') response.writeHead(302, { location: '/there' }).end();
      else if (url === '/away') response.writeHead(302, { location: 'http://elsewhere.invalid/' }).end();
      else response.writeHead(404).end();
    });
    expect((await run({ httpGet: { path: '/here', port } })).output).toBe('HTTP probe failed with statuscode: 404');
    expect((await run({ httpGet: { path: '/away', port } })).result).toBe('success');
  });

  it('says what is wrong in the words of upstream', async () => {
    answer(() => {}); // never answers
    expect(await run({ httpGet: { path: '/', port }, timeoutSeconds: 0.05 })).toEqual({
      result: 'failure',
      output: `Get "http://127.0.0.1:${port}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    });
    expect((await run({ tcpSocket: { port } })).result).toBe('success');
    expect(await run({ tcpSocket: { port: 1 } })).toEqual({
      result: 'failure',
      output: 'dial tcp 127.0.0.1:1: connect: connection refused',
    });
    expect((await run({ exec: { command: ['sleep', '9'] } })).output).toBe(
      'command timed out: "sleep 9" timed out after 1s',
    );
    expect((await run({ tcpSocket: { port: 'nowhere' } })).result).toBe('error');
  });

  it('speaks the health protocol of gRPC', async () => {
    const health = createHttp2().listen(0, '127.0.0.1');
    await new Promise((resolve) => health.once('listening', resolve));
    const status: Record<string, number> = { '': 1, down: 2 };
    health.on('stream', (stream: ServerHttp2Stream, headers) => {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const service = Buffer.concat(parts).subarray(7).toString();
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': headers[':path'] ? '0' : '12' }));
        stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, status[service] ?? 3]));
      });
    });
    const grpcPort = (health.address() as AddressInfo).port;
    expect((await run({ grpc: { port: grpcPort } })).result).toBe('success');
    expect(await run({ grpc: { port: grpcPort, service: 'down' } })).toEqual({
      result: 'failure',
      output: 'service unhealthy (responded with "NOT_SERVING")',
    });
    await new Promise((resolve) => health.close(resolve));
    expect((await run({ grpc: { port: grpcPort } })).output).toContain('failed to connect service');
  });
});

describe('resolvePort', () => {
  const container = { name: 'c', ports: [{ name: 'http', containerPort: 8080 }] };
  it.each([
    ['http', 8080],
    [90, 90],
    ['90', 90],
  ])('finds %p', (port, found) => expect(resolvePort(port, container)).toBe(found));
  it.each(['dns', 0, '70000', ''])('refuses %p', (port) =>
    expect(() => resolvePort(port, container)).toThrow("couldn't find port"),
  );
});

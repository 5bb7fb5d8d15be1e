import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { SilentServerError } from './api-servers.ts';
import { createHttpTransport, type HttpTransport } from './http-transport.ts';
import { kinds, pathFor } from './kinds.ts';

const path = pathFor(kinds.configMaps, { namespace: 'shop', name: 'a' });
const list = pathFor(kinds.configMaps, { namespace: 'shop' });
const get = { verb: 'get', path } as const;
const create = { verb: 'create', path: list, body: { metadata: { name: 'a' } } } as const;

/** Two servers on loopback that behave as the test says. */
describe('a transport that knows two servers', () => {
  let servers: Server[];
  let transport: HttpTransport;
  let seen: string[];

  async function start(first: RequestListener | 'refuses', second: RequestListener): Promise<void> {
    seen = [];
    servers = [];
    const urls: string[] = [];
    for (const [i, behaviour] of [first, second].entries()) {
      const server = createServer((request, response) => {
        if (request.url !== '/version') seen.push(`${i} ${request.method}`);
        if (behaviour !== 'refuses') behaviour(request, response);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      urls.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      if (behaviour === 'refuses') await new Promise((resolve) => server.close(resolve));
      else servers.push(server);
    }
    const connection = { server: urls[0] ?? '', otherServers: urls.slice(1) };
    transport = createHttpTransport({ connection, clock: systemClock, requestTimeoutMs: 10_000 });
  }

  afterEach(async () => {
    transport.close();
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  const answer: RequestListener = (_, response) => void response.end('{"kind":"ConfigMap"}');
  const found = { kind: 'ConfigMap' };
  const breakOff: RequestListener = (request) => void request.socket.destroy();
  const away = (response: ServerResponse, headers = {}) =>
    response.writeHead(503, headers).end(JSON.stringify({ kind: 'Status', reason: 'ServiceUnavailable', code: 503 }));

  it('goes to the other one when one refuses, also to write, and stays there', async () => {
    await start('refuses', answer);
    expect(await transport.send(create, neverAborted)).toEqual(found);
    expect(await transport.send(get, neverAborted)).toEqual(found);
    expect(seen).toEqual(['1 POST', '1 GET']);
  });

  it('repeats a read that was broken off', async () => {
    await start(breakOff, answer);
    expect(await transport.send(get, neverAborted)).toEqual(found);
    expect(seen).toEqual(['0 GET', '1 GET']);
  });

  it('does not repeat a write that was broken off, and goes to the other one with the next', async () => {
    await start(breakOff, answer);
    await expect(transport.send(create, neverAborted)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await transport.send(create, neverAborted)).toEqual(found);
    expect(seen).toEqual(['0 POST', '1 POST']);
  });

  it('asks the other one when one says that it did nothing and is to be asked later', async () => {
    await start((_, response) => void away(response, { 'retry-after': '1' }), answer);
    expect(await transport.send(create, neverAborted)).toEqual(found);
  });

  it('hands on what both say', async () => {
    const refuse: RequestListener = (_, response) => void away(response, { 'retry-after': '1' });
    await start(refuse, refuse);
    await expect(transport.send(get, neverAborted)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    expect(seen).toEqual(['0 GET', '1 GET']);
  });

  it('leaves a server that falls silent within two seconds', async () => {
    await start(() => {}, answer);
    const startedMs = performance.now();
    const watch = transport.watch({ path: list }, neverAborted);
    const results = await Promise.allSettled([
      transport.send(get, neverAborted),
      transport.send(create, neverAborted),
      watch[Symbol.asyncIterator]().next(),
    ]);
    expect(results).toMatchObject([
      { value: found },
      { reason: expect.any(SilentServerError) },
      { reason: expect.any(SilentServerError) },
    ]);
    expect(performance.now() - startedMs).toBeLessThan(2_500);
    expect(await transport.send(create, neverAborted)).toEqual(found);
  });

  it('waits for a server that is slow with one answer', async () => {
    await start((request, response) => {
      if (request.url === '/version') response.end('{}');
      else systemClock.after(1_800, () => response.end('{"kind":"Slow"}'));
    }, answer);
    expect(await transport.send(create, neverAborted)).toEqual({ kind: 'Slow' });
  });
});

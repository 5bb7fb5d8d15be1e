import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { causeHeader } from '@slipway/api/cause';
import { isStatus, StatusError } from '@slipway/api/status-error';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { createHttpTransport, type HttpTransport } from './http-transport.ts';
import { kinds, pathFor } from './kinds.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A server on loopback that answers as the test says, to see what goes over the wire. */
describe('createHttpTransport', () => {
  let server: Server;
  let transport: HttpTransport;
  let handle: Handler;

  beforeEach(async () => {
    server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      handle(request, response, body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const connection = { server: `http://127.0.0.1:${port}`, token: 'secret' };
    transport = createHttpTransport({ connection, clock: systemClock, requestTimeoutMs: 2000 });
  });

  afterEach(async () => {
    transport.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const path = pathFor(kinds.pods, { namespace: 'shop', name: 'web' });
  const answer = (response: ServerResponse, code: number, body: unknown, headers = {}) =>
    response.writeHead(code, headers).end(typeof body === 'string' ? body : JSON.stringify(body));

  it('sends verb, path, query, body, token and cause', async () => {
    let seen = {};
    handle = ({ method, url, headers }, response, body) => {
      seen = {
        method,
        url,
        body,
        type: headers['content-type'],
        auth: headers.authorization,
        cause: headers[causeHeader],
      };
      answer(response, 200, { kind: 'Pod' });
    };
    const cause = { controller: 'für', object: { kind: 'Pod', name: 'x' } };
    const patched = await transport.send(
      {
        verb: 'patch',
        path: { ...path, subresource: 'status' },
        body: { a: 1 },
        patchType: 'strategic',
        cause,
        options: { fieldManager: 'm' },
      },
      neverAborted,
    );
    expect(patched).toEqual({ kind: 'Pod' });
    expect(seen).toEqual({
      method: 'PATCH',
      url: '/api/v1/namespaces/shop/pods/web/status?fieldManager=m',
      body: '{"a":1}',
      type: 'application/strategic-merge-patch+json',
      auth: 'Bearer secret',
      cause: JSON.stringify(cause).replace('ü', '\\u00fc'),
    });
  });

  it('throws the Status that the server answers', async () => {
    const status = new StatusError('Conflict', 'no', { details: { name: 'web' } }).toStatus();
    handle = (_, response) => answer(response, 409, status);
    const failure = await transport.send({ verb: 'get', path }, neverAborted).catch((error: unknown) => error);
    expect(isStatus(failure, 'Conflict') && failure.details?.name).toBe('web');
    handle = (_, response) => answer(response, 502, 'bad gateway');
    await expect(transport.send({ verb: 'get', path }, neverAborted)).rejects.toThrow(
      'the server answered 502: bad gateway',
    );
  });

  it('repeats what the server had no time for, after the time that it names', async () => {
    let tries = 0;
    handle = (_, response) => {
      if (++tries < 3) answer(response, 429, '', { 'retry-after': '0' });
      else answer(response, 201, {});
    };
    await transport.send({ verb: 'create', path, body: {} }, neverAborted);
    expect(tries).toBe(3);
  });

  it('repeats a read on a broken connection, never a write', async () => {
    let tries = 0;
    handle = (request, response) => (++tries === 1 ? request.socket.destroy() : answer(response, 200, {}));
    await transport.send({ verb: 'get', path }, neverAborted);
    expect(tries).toBe(2);
    tries = 0;
    await expect(transport.send({ verb: 'create', path, body: {} }, neverAborted)).rejects.toThrow();
    expect(tries).toBe(1);
  });

  it('gives up on a server that does not answer, and on the caller’s word', async () => {
    handle = () => {};
    const slow = createHttpTransport({
      connection: { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
      clock: systemClock,
      requestTimeoutMs: 50,
    });
    await expect(slow.send({ verb: 'get', path }, neverAborted)).rejects.toMatchObject({ name: 'DeadlineError' });
    slow.close();
    const stop = new AbortController();
    const sent = transport.send({ verb: 'get', path }, stop.signal);
    stop.abort(new Error('enough'));
    await expect(sent).rejects.toThrow('enough');
  });

  it('streams a watch however it is cut, and throws the error that ends it', async () => {
    const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
    handle = ({ url }, response) => {
      expect(url).toContain('watch=true');
      const text = line('ADDED', { n: 1 }) + line('MODIFIED', { n: 2 });
      response.writeHead(200);
      response.write(text.slice(0, 20));
      setImmediate(() => {
        response.write(text.slice(20));
        response.end(line('ERROR', new StatusError('Expired', 'too old').toStatus()));
      });
    };
    const seen: unknown[] = [];
    const watch = async () => {
      for await (const events of transport.watch({ path, options: { resourceVersion: '1' } }, neverAborted))
        seen.push(...events);
    };
    await expect(watch()).rejects.toMatchObject({ reason: 'Expired' });
    expect(seen).toEqual([
      { type: 'ADDED', object: { n: 1 } },
      { type: 'MODIFIED', object: { n: 2 } },
    ]);
  });

  it('ends a watch when the caller aborts, and closes its connection', async () => {
    const closed = new Promise((resolve) => {
      handle = (_, response) => {
        response.writeHead(200).flushHeaders();
        response.once('close', resolve);
      };
    });
    const stop = new AbortController();
    const watch = (async () => {
      for await (const _ of transport.watch({ path }, stop.signal)) throw new Error('unexpected event');
    })();
    setImmediate(() => stop.abort(new Error('enough')));
    await expect(watch).rejects.toThrow('enough');
    stop.abort();
    await Promise.race([closed, systemClock.sleep(1000, neverAborted)]);
  });
});

import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { once } from 'node:events';
import { neverAborted } from '@slipway/kit/abort';
import { WebSocket, WebSocketServer } from 'ws';
import type { ConnectRequest } from '../../http/connect.ts';
import { dialAddress, proxyPath, runProxy } from './proxy-request.ts';

const prefix = '/api/v1/namespaces/default/pods/web/proxy';

describe('runProxy', () => {
  let front: Server;
  let backend: Server;
  const portOf = (server: Server) => (server.address() as AddressInfo).port;
  const read = async (message: IncomingMessage) => {
    let text = '';
    for await (const chunk of message) text += chunk;
    return text;
  };

  beforeAll(async () => {
    backend = createServer(async (asked, response) => {
      const body = await read(asked);
      if (asked.url === '/moved') {
        response.writeHead(302, { location: `http://127.0.0.1:${portOf(backend)}/there?a=1` }).end();
        return;
      }
      const { authorization = 'none', 'x-forwarded-uri': uri } = asked.headers;
      response.writeHead(asked.url === '/teapot' ? 418 : 200, { 'x-own': 'kept', connection: 'close' });
      response.end(`${asked.method} ${asked.url} ${authorization} ${uri} ${body}`);
    });
    const sockets = new WebSocketServer({ server: backend });
    sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(`${text}!`)));
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    const target = { scheme: 'http', address: '127.0.0.1', port: portOf(backend) } as const;
    const hand = (way: Partial<ConnectRequest>) =>
      runProxy(
        { signal: neverAborted, body: undefined, response: undefined, upgrade: undefined, ...way } as ConnectRequest,
        target,
        async () => connect(target.port, '127.0.0.1'),
      );
    front = createServer(async (raw, response) => {
      const body = Buffer.from(await read(raw));
      await hand({ raw, response, ...(body.length > 0 ? { body } : {}) });
    });
    front.on('upgrade', (raw, socket, head) => void hand({ raw, upgrade: { socket, head } }));
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
  });
  afterAll(() => {
    front.close();
    backend.close();
  });

  const ask = async (method: string, path: string, body?: string) => {
    const headers = { authorization: 'Bearer secret', ...(body ? { 'content-length': body.length } : {}) };
    const asked = request({ method, host: '127.0.0.1', port: portOf(front), path: `${prefix}${path}`, headers });
    asked.end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    return { code: answer.statusCode, headers: answer.headers, text: await read(answer) };
  };

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'hands on %s with its body, and no credentials',
    async (method) => {
      const { code, headers, text } = await ask(
        method,
        '/some/path%20x?a=1&b=2',
        method === 'GET' ? undefined : 'body',
      );
      expect([code, headers['x-own']]).toEqual([200, 'kept']);
      expect(text.trim()).toBe(
        `${method} /some/path%20x?a=1&b=2 none ${prefix}/some/path%20x?a=1&b=2 ${method === 'GET' ? '' : 'body'}`.trim(),
      );
    },
  );

  it('hands on HEAD, codes, and redirects to where the proxy leads', async () => {
    expect(await ask('HEAD', '/x')).toMatchObject({ code: 200, text: '' });
    expect(await ask('GET', '/teapot')).toMatchObject({ code: 418 });
    expect((await ask('GET', '/moved')).headers.location).toBe(`${prefix}/there?a=1`);
    expect(await ask('GET', '?a=1')).toMatchObject({ code: 301, headers: { location: `${prefix}/?a=1` } });
  });

  it('leads WebSockets through', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${portOf(front)}${prefix}/socket`);
    await once(socket, 'open');
    socket.send('hello');
    const [said] = (await once(socket, 'message')) as [Buffer];
    expect(said.toString()).toBe('hello!');
    socket.close();
    await once(socket, 'close');
  });
});

describe('dialAddress', () => {
  it('does not lead to this machine', async () => {
    const target = { scheme: 'http', address: '127.0.0.1', port: 1, pod: undefined } as const;
    await expect(dialAddress(target)).rejects.toThrow('address not allowed');
  });
});

describe('proxyPath', () => {
  it.each([
    ['/api/v1/namespaces/a/pods/b/proxy', '', ''],
    ['/api/v1/namespaces/a/services/https:b:c/proxy/?x', '/', '?x'],
    ['/api/v1/nodes/n/proxy/a/proxy/b', '/a/proxy/b', ''],
  ])('reads %s', (url, path, query) => {
    expect(proxyPath(url)).toMatchObject({ path, query });
  });
});

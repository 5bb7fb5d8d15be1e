import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { errnoOf } from '@slipway/kit/errors';
import { silentLogger } from '@slipway/kit/logger';
import { runApiRelay } from './api-relay.ts';

describe('runApiRelay', () => {
  it('hands bytes on in both directions, half-closed too, and ends with its signal', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    const stop = new AbortController();
    const listen = { host: '127.0.0.1', port: await freePort() };
    const deps = { clock: systemClock, log: silentLogger };
    const running = runApiRelay({ listen, target: () => target }, deps, stop.signal);
    expect(await askWhenItListens(listen.port, 'one')).toBe('one');
    expect(await ask(listen.port, 'two')).toBe('two');
    server.close();
    expect(await ask(listen.port, 'three').catch(() => '')).toBe('');
    stop.abort();
    await running;
    await expect(ask(listen.port, 'four')).rejects.toThrow('ECONNREFUSED');
  });
});

async function ask(port: number, question: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  socket.end(question);
  return await text(socket);
}

async function askWhenItListens(port: number, question: string): Promise<string> {
  for (;;) {
    try {
      return await ask(port, question);
    } catch (error) {
      if (errnoOf(error) !== 'ECONNREFUSED') throw error;
      await systemClock.sleep(5, neverAborted);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

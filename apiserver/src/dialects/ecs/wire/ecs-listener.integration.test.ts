/** The port under clients that are slow, idle, silent, or speak something else. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { systemRandom } from '@slipway/kit/random';
import { openPki } from '../../../pki/pki.ts';
import { createEcsListener, type EcsListener } from './ecs-listener.ts';

describe('the listener of the ECS API', () => {
  let directory: string;
  let listener: EcsListener;
  let port: number;
  const requestMsMax = 400;
  const firstByteMsMax = 200;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ecs-listener-'));
    const pki = await openPki(directory, { clock: systemClock, random: systemRandom });
    listener = createEcsListener({
      host: '127.0.0.1',
      port: 0,
      tls: await pki.servingCertificate(['127.0.0.1']),
      connectionsMax: 3,
      headerBytesMax: 16_384,
      requestMsMax,
      firstByteMsMax,
      upgrade: (_incoming, socket) => socket.destroy(),
      receive: (incoming, response) => {
        incoming.resume().once('end', () => response.end('{}'));
      },
    });
    port = (await listener.listen()).port;
  });
  afterEach(async () => {
    await listener.close(AbortSignal.abort());
    await rm(directory, { recursive: true });
  });

  const open = async (): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  /** All that comes until the other side ends. */
  const answerTo = async (socket: Socket): Promise<string> => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    await once(socket, 'close');
    return text;
  };

  it('cuts off who says nothing', async () => {
    expect(await answerTo(await open())).toBe('');
  });

  it.each([
    ['headers', 'POST / HTTP/1.1\r\nHost: a\r\nX-Slow: '],
    ['a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n'],
  ])('cuts off who sends %s by the drop', async (_what, start) => {
    const socket = await open();
    const answer = answerTo(socket);
    socket.write(start);
    const dripping = (async () => {
      while (!socket.destroyed) {
        socket.write('x');
        await systemClock.sleep(50, neverAborted);
      }
    })();
    expect(await answer).toMatch(/^HTTP\/1.1 408 /);
    socket.destroy();
    await dripping;
  });

  it('refuses headers that are too large, and what is no HTTP', async () => {
    const large = await open();
    large.write(`POST / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`);
    expect(await answerTo(large)).toMatch(/^HTTP\/1.1 431 /);
    const odd = await open();
    odd.write('HELO there\r\n\r\n');
    expect(await answerTo(odd)).toMatch(/^HTTP\/1.1 400 /);
  });

  it('takes no more connections than it may', async () => {
    const sockets = [await open(), await open(), await open()];
    // Bytes that keep them from being cut off as silent.
    for (const socket of sockets) socket.write('P');
    const one = await open();
    expect(await answerTo(one)).toBe('');
    for (const socket of sockets) socket.destroy();
  });

  it('closes idle connections at its end, and does not wait for clients to let go', async () => {
    const agent = new Agent({ keepAlive: true });
    const [response] = await new Promise<unknown[]>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method: 'POST', agent }, (...all) => resolve(all));
      sent.once('error', reject);
      sent.end('{}');
    });
    (response as NodeJS.ReadableStream).resume();
    await once(response as NodeJS.ReadableStream, 'end');
    // Would wait for ever for a connection that is kept alive.
    await listener.close(neverAborted);
    agent.destroy();
  });
});

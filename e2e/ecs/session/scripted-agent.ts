/** The agent of a node as far as `exec` goes: commands that answer from a script over Kubernetes' channels. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface ScriptedAgent {
  readonly port: number;
  /** The query of each command that was started: `command=a&command=b&input=1...` */
  readonly started: URLSearchParams[];
  readonly sizes: string[];
  /** How many commands are connected. */
  readonly running: number;
  /** The connections of all commands break. */
  breakAll(): void;
  stop(): Promise<void>;
}

/**
 *   cat             gives back what it gets; ends at Ctrl-D
 *   bytes COUNT     writes so many bytes of a pattern, waiting for the connection as a process waits for its pipe
 *   deaf            never reads nor writes
 *   exit CODE
 */
export async function startScriptedAgent(pair: { certificate: string; privateKey: string }): Promise<ScriptedAgent> {
  const server = createServer({ cert: pair.certificate, key: pair.privateKey });
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'v5.channel.k8s.io' });
  const started: URLSearchParams[] = [];
  const sizes: string[] = [];
  sockets.on('connection', (socket, request) => {
    const query = new URL(request.url ?? '', 'https://agent').searchParams;
    started.push(query);
    const [program = '', argument = ''] = query.getAll('command');
    socket.on('error', () => socket.terminate());
    if (program === 'deaf') socket.pause();
    socket.on('message', (data: Buffer) => {
      if (data[0] === 4) sizes.push(data.toString('utf8', 1));
      else if (program === 'cat' && data[1] === 4) end(socket, 0);
      else if (program === 'cat') socket.send(Buffer.concat([Buffer.from([1]), data.subarray(1)]));
    });
    if (program === 'exit') end(socket, Number(argument));
    if (program === 'bytes') void writeBytes(socket, Number(argument));
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const breakAll = () => {
    for (const socket of sockets.clients) socket.terminate();
  };
  return {
    port: (server.address() as AddressInfo).port,
    started,
    sizes,
    get running() {
      return sockets.clients.size;
    },
    breakAll,
    async stop() {
      breakAll();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Every byte value, and no two kilobytes alike. */
export function pattern(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count; at++) bytes[at] = (at ^ (at >> 8) ^ (at >> 16)) & 0xff;
  return bytes;
}

const chunkBytes = 32 * 1024;

async function writeBytes(socket: WebSocket, count: number): Promise<void> {
  const bytes = pattern(count);
  for (let from = 0; from < count; from += chunkBytes) {
    const chunk = Buffer.concat([Buffer.from([1]), bytes.subarray(from, from + chunkBytes)]);
    await new Promise((resolve) => socket.send(chunk, resolve));
  }
  end(socket, 0);
}

function end(socket: WebSocket, code: number): void {
  const status =
    code === 0
      ? { status: 'Success' }
      : {
          status: 'Failure',
          reason: 'NonZeroExitCode',
          message: `command terminated with non-zero exit code`,
          details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
        };
  socket.send(Buffer.concat([Buffer.from([3]), Buffer.from(JSON.stringify({ kind: 'Status', ...status }))]));
  socket.close(1000);
}

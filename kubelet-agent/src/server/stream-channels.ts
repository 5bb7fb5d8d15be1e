/**
 * exec and attach over one WebSocket, as Kubernetes frames them (`v4.channel.k8s.io`, `v5.channel.k8s.io`): the first
 * byte of each binary message names the channel.
 *
 *   0 stdin →   1 ← stdout   2 ← stderr   3 ← Status as JSON, once, at the end   4 resize {"Width","Height"} →
 *   255 → half-close of the channel in the second byte (v5 only)
 *
 * A slow reader stops the process by its full pipe, never fills our memory: the next chunk is taken when the socket has
 * taken the last one. A slow process stops the socket in the same way.
 */
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '@slipway/kit/errors';
import type { RawData, WebSocket } from 'ws';
import type { TerminalSize } from '../runtime/cri.ts';

export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

export interface StreamedProcess {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  resize(size: TerminalSize): Promise<void>;
  /** The exit code; undefined when there is none to tell (attach). Rejects when the process could not run. */
  readonly ended: Promise<number | undefined>;
}

/** Joins a process and a socket until the process ends or the socket closes. Resolves when the socket is closed. */
export async function joinChannels(
  socket: WebSocket,
  process: StreamedProcess,
  command: readonly string[],
): Promise<void> {
  const input = new InputChannels(socket, process);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.resume();
  const outputs = [pump(process.stdout, channel.stdout, socket), pump(process.stderr, channel.stderr, socket)];
  const finished = (async () => {
    const status = await process.ended.then((code) => exitStatus(code, command), failureStatus);
    await Promise.all(outputs);
    await send(socket, channel.error, Buffer.from(JSON.stringify(status)));
    socket.close(1000);
  })();
  await Promise.race([finished, closed]);
  input.end();
  process.stdout?.destroy();
  process.stderr?.destroy();
  await closed;
}

class InputChannels {
  readonly #socket: WebSocket;
  readonly #process: StreamedProcess;
  /** Sizes are set one after the other: kubectl attach sends two at once, and the second one is meant. */
  #resized: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, process: StreamedProcess) {
    this.#socket = socket;
    this.#process = process;
    process.stdin?.on('error', () => {}); // a process that does not read its input may go on
    socket.on('message', (data, isBinary) => this.#take(bytesOf(data), isBinary));
  }

  end(): void {
    if (!this.#process.stdin?.destroyed) this.#process.stdin?.end();
  }

  #take(message: Buffer, isBinary: boolean): void {
    if (!isBinary || message.length === 0) return;
    const body = message.subarray(1);
    switch (message[0]) {
      case channel.stdin:
        this.#write(body);
        break;
      case channel.resize:
        this.#resize(body);
        break;
      case channel.close:
        if (body[0] === channel.stdin) this.end();
        break;
      default:
        break;
    }
  }

  #write(body: Buffer): void {
    const { stdin } = this.#process;
    if (!stdin || stdin.destroyed || stdin.writableEnded || body.length === 0) return;
    if (stdin.write(body)) return;
    this.#socket.pause();
    stdin.once('drain', () => this.#socket.resume());
    stdin.once('close', () => this.#socket.resume());
  }

  #resize(body: Buffer): void {
    let size: { Width?: unknown; Height?: unknown };
    try {
      size = JSON.parse(body.toString()) as typeof size;
    } catch {
      return; // a size that cannot be read changes nothing
    }
    const { Width: width, Height: height } = size;
    if (typeof width !== 'number' || typeof height !== 'number') return;
    this.#resized = this.#resized.then(() => this.#process.resize({ width, height })).catch(() => {}); // the process may have ended
  }
}

async function pump(source: Readable | undefined, to: number, socket: WebSocket): Promise<void> {
  if (!source) return;
  try {
    for await (const chunk of source) await send(socket, to, chunk as Buffer);
  } catch {
    // The socket closed, or the process went away: the end of either is told elsewhere.
  }
}

function send(socket: WebSocket, to: number, body: Uint8Array): Promise<void> {
  const frame = Buffer.allocUnsafe(body.length + 1);
  frame[0] = to;
  frame.set(body, 1);
  return sendFrame(socket, frame);
}

/** Resolves when the kernel has taken the bytes. */
export function sendFrame(socket: WebSocket, frame: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (socket.readyState !== socket.OPEN) return reject(new Error('the connection is closed'));
    socket.send(frame, { binary: true }, (error) => (error ? reject(error) : resolve()));
  });
}

export function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

/** What kubectl reads the exit code from. */
export function exitStatus(code: number | undefined, command: readonly string[]): object {
  if (code === undefined || code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: error executing command [${command.join(' ')}], exit code ${code}`,
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

function failureStatus(error: unknown): object {
  return { metadata: {}, status: 'Failure', reason: 'InternalError', message: messageOf(error), code: 500 };
}

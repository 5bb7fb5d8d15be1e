/**
 * conmon's attach socket: packets. From conmon the first byte says which stream the rest belongs to; to conmon a packet is
 * standard input, and shutting down our side ends it (unless conmon was told to leave it open).
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { messageOf } from '@slipway/kit/errors';
import { type AttachRequest, type AttachSession, RuntimeError } from '../cri.ts';
import { resizeTerminal } from './conmon.ts';
import { connectSeqpacket } from './kernel/sockets.ts';
import type { LocalDeps } from './local-deps.ts';

const streamStdout = 2;
const streamStderr = 3;
/** conmon reads at most this much of a packet; what is longer would be lost. */
const packetBytesMax = 8 * 1024;

export async function attachToContainer(
  deps: LocalDeps,
  request: AttachRequest,
  signal: AbortSignal,
): Promise<AttachSession> {
  const paths = deps.paths.container(request.containerId);
  const socket = await connect(paths.directory);
  const stdout = new PassThrough();
  const stderr = request.tty ? undefined : new PassThrough();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.on('data', (packet: Buffer) => {
    const into = packet[0] === streamStderr && stderr ? stderr : stdout;
    if (packet[0] !== streamStdout && packet[0] !== streamStderr) return;
    if (!into.write(packet.subarray(1))) {
      socket.pause();
      into.once('drain', () => socket.resume());
    }
  });
  const detach = () => socket.destroy();
  signal.addEventListener('abort', detach, { once: true });
  socket.on('error', () => socket.destroy());
  socket.once('end', () => socket.destroy());
  socket.once('close', () => {
    signal.removeEventListener('abort', detach);
    stdout.end();
    stderr?.end();
    resolve();
  });
  return {
    stdin: request.stdin ? stdinOf(socket) : undefined,
    stdout,
    stderr,
    resize: async (size) => {
      if (request.tty) await resizeTerminal(paths.control, size);
    },
    closed,
  };
}

/** By a descriptor of the directory, since the path of a socket has little room. */
async function connect(directory: string): Promise<Socket> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return connectSeqpacket(`/proc/self/fd/${handle.fd}/attach`);
  } catch (cause) {
    throw new RuntimeError('failedPrecondition', `attach: ${messageOf(cause)}`, { cause });
  } finally {
    await handle.close();
  }
}

/** One packet at a time: several pending writes would be sent as one packet that is too long. */
function stdinOf(socket: Socket): Writable {
  const writePackets = (chunk: Buffer, done: (error?: Error | null) => void): void => {
    if (socket.destroyed) {
      done();
      return;
    }
    const rest = chunk.subarray(packetBytesMax);
    socket.write(chunk.subarray(0, packetBytesMax), (error) => {
      if (error || rest.length === 0) done(error ?? null);
      else writePackets(rest, done);
    });
  };
  const stdin = new Writable({
    write: (chunk: Buffer, _, done) => writePackets(chunk, done),
    final: (done) => {
      socket.end();
      done();
    },
  });
  stdin.on('error', () => {}); // the container closed its input; `closed` tells when it is over
  return stdin;
}

import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { raceAbort } from '@slipway/kit/abort';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';

/** Asks the node's own resolvers. */
export interface Forwarder {
  /** The answer to the message, whatever it says; undefined when none of the servers answered in time. */
  forward(message: Buffer, transport: 'udp' | 'tcp', signal: AbortSignal): Promise<Buffer | undefined>;
}

export interface Upstream {
  readonly address: string;
  readonly port: number;
}

export interface ForwarderDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** In the order in which they are asked. */
  readonly upstreams: () => Promise<readonly Upstream[]>;
}

/** Clients give up after five seconds, so two servers must fit into that. */
const tryMs = 2000;
const rounds = 2;
/** Questions on their way at once; more than that are answered SERVFAIL, so that a dead server costs bounded memory. */
const pendingMax = 1000;
/** The length field has two bytes. */
const tcpBytesMax = 65_535;

export function createForwarder({ clock, random, upstreams }: ForwarderDeps): Forwarder {
  let pending = 0;
  const tryOne = async (message: Buffer, upstream: Upstream, transport: 'udp' | 'tcp', signal: AbortSignal) => {
    const deadline = new AbortController();
    const cancel = clock.after(tryMs, () => deadline.abort());
    const either = AbortSignal.any([signal, deadline.signal]);
    try {
      const ask = transport === 'udp' ? askByUdp : askByTcp;
      return await ask(message, upstream, random, either);
    } catch (error) {
      if (signal.aborted) throw error;
      return undefined; // timed out, refused, unreachable: the next server may do better
    } finally {
      cancel();
    }
  };
  return {
    async forward(message, transport, signal) {
      if (pending >= pendingMax) return undefined;
      pending++;
      try {
        const servers = await upstreams();
        for (let i = 0; i < rounds * servers.length; i++) {
          const server = servers[i % servers.length];
          const answer = server && (await tryOne(message, server, transport, signal));
          if (answer) return answer;
        }
        return undefined;
      } finally {
        pending--;
      }
    },
  };
}

/** Each question has its own socket and id, so that a forged answer has both to guess. */
async function askByUdp(
  message: Buffer,
  { address, port }: Upstream,
  random: Random,
  signal: AbortSignal,
): Promise<Buffer> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const question = withId(message, random);
  try {
    const answered = new Promise<Buffer>((resolve, reject) => {
      socket.once('error', reject);
      socket.on('message', (answer) => {
        if (isAnswerTo(question, answer)) resolve(answer);
      });
      socket.connect(port, address, () => socket.send(question));
    });
    return restoreId(await raceAbort(answered, signal), message);
  } finally {
    socket.close();
  }
}

async function askByTcp(
  message: Buffer,
  { address, port }: Upstream,
  random: Random,
  signal: AbortSignal,
): Promise<Buffer> {
  const question = withId(message, random);
  const socket = connect({ host: address, port });
  try {
    const answered = new Promise<Buffer>((resolve, reject) => {
      let received: Buffer = Buffer.alloc(0);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed before the answer was whole')));
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length > tcpBytesMax + 2) return void socket.destroy();
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
        const answer = received.subarray(2, 2 + received.readUInt16BE(0));
        if (isAnswerTo(question, answer)) resolve(Buffer.from(answer));
        else socket.destroy();
      });
      socket.write(Buffer.concat([lengthPrefix(question.length), question]));
    });
    return restoreId(await raceAbort(answered, signal), message);
  } finally {
    socket.destroy();
  }
}

export function lengthPrefix(length: number): Buffer {
  const prefix = Buffer.alloc(2);
  prefix.writeUInt16BE(length);
  return prefix;
}

function withId(message: Buffer, random: Random): Buffer {
  return Buffer.concat([random.bytes(2), message.subarray(2)]);
}

function restoreId(answer: Buffer, message: Buffer): Buffer {
  message.copy(answer, 0, 0, 2);
  return answer;
}

/** The id, the flag of an answer, and the number of questions. The socket is connected, so the sender is right. */
function isAnswerTo(question: Buffer, answer: Buffer): boolean {
  return (
    answer.length >= 12 && answer.readUInt16BE(0) === question.readUInt16BE(0) && (answer.readUInt8(2) & 0x80) !== 0
  );
}

import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { raceAbort } from '@slipway/kit/abort';
import { skipName } from '../wire/domain-name.ts';
import { flags, headerBytes, tcpBytesMax } from '../wire/record-types.ts';

export interface Upstream {
  readonly address: string;
  readonly port: number;
}

export interface Exchanged {
  readonly answer: Buffer;
  /** The question came back in another spelling: an honest server that does not keep it, or a forger. */
  readonly isRespelled: boolean;
}

/** Each question has a socket of its own, whose port the kernel draws. Rejects when refused, unreachable or aborted. */
export async function askByUdp(question: Buffer, { address, port }: Upstream, signal: AbortSignal): Promise<Exchanged> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  try {
    const answered = new Promise<Exchanged>((resolve, reject) => {
      socket.on('error', reject);
      // The socket is connected, so the kernel drops what comes from another sender.
      socket.on('message', (answer) => {
        const match = matchOf(question, answer);
        if (match !== 'other') resolve({ answer, isRespelled: match === 'respelled' });
      });
      socket.connect(port, address, () => socket.send(question));
    });
    return await raceAbort(answered, signal);
  } finally {
    socket.close();
  }
}

export async function askByTcp(question: Buffer, { address, port }: Upstream, signal: AbortSignal): Promise<Exchanged> {
  const socket = connect({ host: address, port });
  try {
    const answered = new Promise<Exchanged>((resolve, reject) => {
      let received: Buffer = Buffer.alloc(0);
      socket.on('error', reject);
      socket.once('close', () => reject(new Error('closed before the answer was whole')));
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length > tcpBytesMax + 2) return void socket.destroy();
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
        const answer = Buffer.from(received.subarray(2, 2 + received.readUInt16BE(0)));
        const match = matchOf(question, answer);
        if (match === 'other') socket.destroy();
        else resolve({ answer, isRespelled: match === 'respelled' });
      });
      socket.write(Buffer.concat([lengthPrefix(question.length), question]));
    });
    return await raceAbort(answered, signal);
  } finally {
    socket.destroy();
  }
}

export function lengthPrefix(length: number): Buffer {
  const prefix = Buffer.alloc(2);
  prefix.writeUInt16BE(length);
  return prefix;
}

/** Whether it answers this question: id, flag, and the question itself, letter by letter or in another spelling. */
function matchOf(question: Buffer, answer: Buffer): 'same' | 'respelled' | 'other' {
  if (answer.length < headerBytes || answer.readUInt16BE(0) !== question.readUInt16BE(0)) return 'other';
  const bits = answer.readUInt16BE(2);
  if ((bits & flags.isResponse) === 0) return 'other';
  // Servers that could not read the question answer with a header alone.
  if (answer.length === headerBytes) return (bits & 0xf) === 0 ? 'other' : 'same';
  const end = skipName(question, headerBytes) + 4;
  const [asked, repeated] = [question.subarray(headerBytes, end), answer.subarray(headerBytes, end)];
  if (answer.readUInt16BE(4) !== 1 || repeated.length < asked.length) return 'other';
  if (asked.equals(repeated)) return 'same';
  const [one, other] = [asked, repeated].map((each) => each.toString('latin1').toLowerCase());
  return one === other ? 'respelled' : 'other';
}

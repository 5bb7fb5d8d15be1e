/** What a session does when somebody says nothing: the client, the command, both. Times are short; both sockets are real. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@slipway/kit/clock';
import { systemRandom } from '@slipway/kit/random';
import { WebSocket, WebSocketServer } from 'ws';
import {
  type AgentMessage,
  decodeAgentMessage,
  encodeAgentMessage,
  messageTypes,
  payloadTypes,
} from './agent-message.ts';
import { acknowledgement } from './payloads.ts';
import { type SessionTimes, TerminalSession } from './terminal-session.ts';

interface Pair {
  /** The session's end. */
  readonly near: WebSocket;
  readonly far: WebSocket;
}

let server: WebSocketServer;

beforeAll(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
});

afterAll(async () => {
  for (const socket of server.clients) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

async function pair(): Promise<Pair> {
  const connected = once(server, 'connection');
  const far = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [[near]] = (await Promise.all([connected, once(far, 'open')])) as [[WebSocket], unknown];
  return { near, far };
}

const long: SessionTimes = { handshakeMsMax: 60_000, idleMsMax: 60_000, resumeMsMax: 60_000, lastWordsMsMax: 60_000 };

async function begin(times: Partial<SessionTimes>) {
  const client = await pair();
  const command = await pair();
  command.near.pause(); // as it comes from the agent
  const aborted: boolean[] = [];
  const session = new TerminalSession('session-1', {
    ...{ clock: systemClock, random: systemRandom, notice: '', times: { ...long, ...times } },
    startCommand: async (signal) => {
      signal.addEventListener('abort', () => aborted.push(true), { once: true });
      return command.near;
    },
  });
  const seen: AgentMessage[] = [];
  const lastWords = new Promise<string>((resolve) => {
    client.far.on('message', (data: Buffer) => {
      const decoded = decodeAgentMessage(data);
      if (decoded.kind !== 'message') return;
      seen.push(decoded.message);
      if (decoded.message.type === messageTypes.channelClosed) {
        resolve(JSON.parse(decoded.message.payload.toString()).Output);
      }
    });
  });
  session.connect(client.near);
  return { session, client, command, seen, lastWords, aborted };
}

function say(socket: WebSocket, type: string, payloadType: number, payload: Buffer, sequenceNumber = 0): void {
  const id = systemRandom.uuid();
  socket.send(encodeAgentMessage({ type, createdMs: 1, sequenceNumber, flags: 0, id, payloadType, payload }));
}

function agree(socket: WebSocket): void {
  const response = { ProcessedClientActions: [{ ActionType: 'SessionType', ActionStatus: 1 }] };
  say(socket, messageTypes.input, payloadTypes.handshakeResponse, Buffer.from(JSON.stringify(response)));
}

const commandEnds = (socket: WebSocket) => {
  socket.send(Buffer.concat([Buffer.from([3]), Buffer.from('{"status":"Success"}')]));
  socket.close();
};

describe('a session ends', () => {
  it('when the client does not answer the handshake', async () => {
    const { session, lastWords } = await begin({ handshakeMsMax: 100 });
    expect(await lastWords).toMatch(/^Handshake timed out\./);
    await session.ended;
  });

  it('when nothing is typed and nothing is written for too long, and its command with it', async () => {
    const { session, client, command, lastWords, aborted } = await begin({ idleMsMax: 300 });
    agree(client.far);
    const commandClosed = once(command.far, 'close');
    const beganMs = systemClock.monotonicMs();
    await systemClock.sleep(200, new AbortController().signal);
    command.far.send(Buffer.from([1, 0x61]));
    expect(await lastWords).toBe('Your session timed out due to inactivity.');
    expect(systemClock.monotonicMs() - beganMs).toBeGreaterThan(450);
    await Promise.all([session.ended, commandClosed]);
    expect(aborted).toEqual([true]);
  });

  it('when its client does not come back', async () => {
    const { session, client, command } = await begin({ resumeMsMax: 100 });
    agree(client.far);
    const commandClosed = once(command.far, 'close');
    client.far.terminate();
    await Promise.all([session.ended, commandClosed]);
    const late = await pair();
    const closed = once(late.far, 'close');
    session.connect(late.near);
    await closed;
  });

  it('when its client goes in the middle of the handshake', async () => {
    const { session, client } = await begin({});
    client.far.terminate();
    await session.ended;
  });

  it('when a client that acknowledges nothing has been sent everything', async () => {
    const { client, command, seen, lastWords } = await begin({ lastWordsMsMax: 100 });
    agree(client.far);
    command.far.send(Buffer.from([1, 0x61]));
    commandEnds(command.far);
    expect(await lastWords).toBe('');
    expect(
      seen.filter(({ payloadType }) => payloadType === payloadTypes.output).map(({ payload }) => `${payload}`),
    ).toEqual(['a']);
  });
});

describe('a session', () => {
  it('keeps half a mebibyte for a client that acknowledges nothing, and lets the command wait', async () => {
    const { session, client, command, seen } = await begin({});
    agree(client.far);
    const chunk = Buffer.alloc(32 * 1024 + 1, 1);
    for (let sent = 0; sent < 16 * 1024 * 1024; sent += chunk.length) command.far.send(chunk);
    const numbers = () =>
      new Set(seen.filter(({ type }) => type === messageTypes.output).map((each) => each.sequenceNumber));
    while (numbers().size < 512) await systemClock.sleep(20, new AbortController().signal);
    await systemClock.sleep(100, new AbortController().signal);
    expect(numbers().size).toBe(512);
    expect(command.far.bufferedAmount).toBeGreaterThan(1024 * 1024);
    session.terminate();
    await session.ended;
  });

  it('gives a client that comes back what it has not acknowledged, and then the end', async () => {
    const { session, client, command, seen } = await begin({});
    agree(client.far);
    command.far.send(Buffer.from([1, 0x61]));
    while (!seen.some(({ payloadType }) => payloadType === payloadTypes.output)) {
      await systemClock.sleep(5, new AbortController().signal);
    }
    client.far.terminate();
    commandEnds(command.far);
    const again = await pair();
    const messages: AgentMessage[] = [];
    const closed = once(again.far, 'close');
    again.far.on('message', (data: Buffer) => {
      const decoded = decodeAgentMessage(data);
      if (decoded.kind !== 'message') return;
      messages.push(decoded.message);
      if (decoded.message.type !== messageTypes.output) return;
      say(again.far, messageTypes.acknowledge, 0, acknowledgement(decoded.message));
    });
    session.connect(again.near);
    await closed;
    expect(messages.filter(({ type }) => type === messageTypes.output).map((each) => each.payloadType)).toEqual([
      payloadTypes.handshakeRequest,
      payloadTypes.handshakeComplete,
      payloadTypes.output,
    ]);
    expect(messages.at(-1)?.type).toBe(messageTypes.channelClosed);
  });
});

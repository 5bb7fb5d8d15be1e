/**
 * The client's side of a Session Manager data channel, as strict and as odd as AWS' plugin: it throws at a message that the plugin would
 * refuse; until its terminal is ready it drops output without acknowledging it; a message that it has already it passes over in silence.
 * It shares no code with the server, and its WebSocket is the platform's own.
 */
import { createHash, randomUUID } from 'node:crypto';
import { systemClock } from '@slipway/kit/clock';

export interface ClientOptions {
  readonly streamUrl: string;
  readonly token: string;
  onOutput(bytes: Buffer): void;
  /** Between the end of the handshake and the terminal. */
  readonly terminalAfterMs?: number;
  /** What the handshake is answered with; `silent`: not at all. */
  readonly handshake?: 'agree' | 'refuse' | 'silent';
}

interface Received {
  readonly type: string;
  readonly sequenceNumber: number;
  readonly id: string;
  readonly payloadType: number;
  readonly payload: Buffer;
}

const repeatAfterMs = 200;
const repeatEveryMs = 100;

export class SessionClient {
  readonly #options: ClientOptions;
  readonly #ended = Promise.withResolvers<string>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #ahead = new Map<number, Received>();
  readonly #sent = new Map<number, { bytes: Buffer; atMs: number }>();
  /** What the server sent, for tests: sequence numbers in the order of their coming. */
  readonly seen: number[] = [];
  readonly dropped: number[] = [];
  /** What the user is told at the beginning. */
  notice = '';
  #socket: WebSocket | undefined;
  #expected = 0;
  #next = 0;
  #isTerminalReady = false;
  #cancel: () => void = () => {};
  onLost: () => void = () => {};

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** The output of `channel_closed`. Rejects when the server breaks the protocol. */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  /** When the handshake is over and the terminal is there. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get unacknowledged(): number {
    return this.#sent.size;
  }

  async open(token = this.#options.token): Promise<void> {
    const socket = new WebSocket(this.#options.streamUrl);
    socket.binaryType = 'arraybuffer';
    const opened = new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true });
      socket.addEventListener('error', () => reject(new Error('the data channel could not be opened')), { once: true });
    });
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket === socket) this.#receive(Buffer.from(data as ArrayBuffer));
    });
    socket.addEventListener('close', () => {
      if (this.#socket === socket) this.onLost();
    });
    await opened;
    this.#socket = socket;
    const first = { MessageSchemaVersion: '1.0', RequestId: randomUUID(), TokenValue: token, ClientId: randomUUID() };
    socket.send(JSON.stringify({ ...first, ClientVersion: '1.2.694.0' }));
    this.#cancel();
    this.#watchRepeats();
  }

  /** As typed: at most 1 KiB a message, and a lone line feed is the return key. */
  type(input: string | Buffer): void {
    const bytes = Buffer.from(input);
    for (let from = 0; from < bytes.length; from += 1024) {
      const part = bytes.subarray(from, from + 1024);
      this.sendInput(1, part.equals(Buffer.from('\n')) ? Buffer.from('\r') : part);
    }
  }

  resize(cols: number, rows: number): void {
    this.sendInput(3, Buffer.from(JSON.stringify({ cols, rows })));
  }

  terminate(): void {
    this.sendInput(10, Buffer.from([0, 0, 0, 2]));
  }

  sendInput(payloadType: number, payload: Buffer, sequenceNumber = this.#next++): void {
    const bytes = encode('input_stream_data', sequenceNumber, 0, payloadType, payload);
    this.#sent.set(sequenceNumber, { bytes, atMs: systemClock.monotonicMs() });
    this.sendRaw(bytes);
  }

  sendRaw(bytes: Buffer): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes);
  }

  /** The connection breaks; the session does not know whether it will come back. */
  drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#cancel();
    socket?.close();
  }

  #receive(bytes: Buffer): void {
    try {
      this.#handle(decode(bytes));
    } catch (error) {
      this.#ended.reject(error);
      this.drop();
    }
  }

  #handle(message: Received): void {
    switch (message.type) {
      case 'output_stream_data':
        this.seen.push(message.sequenceNumber);
        this.#take(message);
        return;
      case 'acknowledge': {
        const content = JSON.parse(message.payload.toString());
        if (content.AcknowledgedMessageType !== 'input_stream_data') throw new Error('acknowledges another stream');
        this.#sent.delete(content.AcknowledgedMessageSequenceNumber);
        return;
      }
      case 'channel_closed':
        this.#ended.resolve(JSON.parse(message.payload.toString()).Output);
        this.drop();
        return;
      default:
        throw new Error(`a message of the type ${message.type}`);
    }
  }

  #take(message: Received): void {
    if (message.sequenceNumber < this.#expected) return;
    if (message.sequenceNumber > this.#expected) {
      this.#ahead.set(message.sequenceNumber, message);
      this.#acknowledge(message);
      return;
    }
    if (!this.#process(message)) {
      this.dropped.push(message.sequenceNumber);
      return;
    }
    this.#acknowledge(message);
    this.#expected += 1;
    for (let next = this.#ahead.get(this.#expected); next; next = this.#ahead.get(this.#expected)) {
      this.#ahead.delete(this.#expected);
      this.#process(next);
      this.#expected += 1;
    }
  }

  /** Whether it was taken. */
  #process({ payloadType, payload }: Received): boolean {
    switch (payloadType) {
      case 5:
        this.#answerHandshake(JSON.parse(payload.toString()));
        return true;
      case 7: {
        const { HandshakeTimeToComplete: took, CustomerMessage: notice } = JSON.parse(payload.toString());
        if (typeof took !== 'number') throw new Error('no time');
        this.notice = notice;
        systemClock.after(this.#options.terminalAfterMs ?? 0, () => {
          this.#isTerminalReady = true;
          this.#ready.resolve();
        });
        return true;
      }
      case 1:
        if (!this.#isTerminalReady) return false;
        this.#options.onOutput(payload);
        return true;
      default:
        throw new Error(`a payload of the type ${payloadType}`);
    }
  }

  #answerHandshake(request: {
    readonly AgentVersion: string;
    readonly RequestedClientActions: readonly {
      readonly ActionType: string;
      readonly ActionParameters: { readonly SessionType: string };
    }[];
  }): void {
    if (!/^\d+\.\d+\.\d+\.\d+$/.test(request.AgentVersion)) throw new Error('no version of the agent');
    const { handshake = 'agree' } = this.#options;
    if (handshake === 'silent') return;
    const actions = request.RequestedClientActions.map(({ ActionType, ActionParameters }) => {
      const isKnown = ActionType === 'SessionType' && ActionParameters.SessionType === 'InteractiveCommands';
      if (!isKnown) throw new Error(`the handshake asks for ${ActionType}`);
      return handshake === 'agree'
        ? { ActionType, ActionStatus: 1, ActionResult: null, Error: '' }
        : { ActionType, ActionStatus: 2, ActionResult: null, Error: 'no terminal' };
    });
    const response = { ClientVersion: '1.2.694.0', ProcessedClientActions: actions, Errors: null };
    this.sendInput(6, Buffer.from(JSON.stringify(response)));
  }

  #acknowledge({ type, id, sequenceNumber }: Received): void {
    const content = {
      AcknowledgedMessageType: type,
      AcknowledgedMessageId: id,
      AcknowledgedMessageSequenceNumber: sequenceNumber,
      IsSequentialMessage: true,
    };
    this.sendRaw(encode('acknowledge', 0, 3, 0, Buffer.from(JSON.stringify(content))));
  }

  #watchRepeats(): void {
    this.#cancel = systemClock.after(repeatEveryMs, () => {
      const [oldest] = this.#sent.values();
      const nowMs = systemClock.monotonicMs();
      if (oldest && nowMs - oldest.atMs > repeatAfterMs) {
        oldest.atMs = nowMs;
        this.sendRaw(oldest.bytes);
      }
      this.#watchRepeats();
    });
  }
}

export function encode(
  type: string,
  sequenceNumber: number,
  flags: number,
  payloadType: number,
  payload: Buffer,
): Buffer {
  const header = new DataView(new ArrayBuffer(120));
  header.setInt32(0, 116);
  for (let at = 0; at < 32; at++) header.setUint8(4 + at, at < type.length ? type.charCodeAt(at) : 0x20);
  header.setInt32(36, 1);
  header.setBigInt64(40, BigInt(systemClock.nowMs()));
  header.setBigInt64(48, BigInt(sequenceNumber));
  header.setBigInt64(56, BigInt(flags));
  const [, high = '', low = ''] = /^(.{16})(.{16})$/.exec(randomUUID().replaceAll('-', '')) ?? [];
  header.setBigUint64(64, BigInt(`0x${low}`));
  header.setBigUint64(72, BigInt(`0x${high}`));
  const digest = createHash('sha256').update(payload).digest();
  for (let at = 0; at < digest.length; at++) header.setUint8(80 + at, digest[at] ?? 0);
  header.setInt32(112, payloadType);
  header.setInt32(116, payload.length);
  return Buffer.concat([Buffer.from(header.buffer), payload]);
}

function decode(bytes: Buffer): Received {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const payload = bytes.subarray(header.getInt32(0) + 4);
  const type = bytes.toString('latin1', 4, 36);
  if (header.getInt32(0) !== 116 || header.getInt32(36) !== 1) throw new Error('another header');
  if (!/^[a-z_]+ *$/.test(type)) throw new Error(`a type that is not padded with blanks: ${type}`);
  if (header.getBigInt64(40) <= 0n) throw new Error('no date');
  if (header.getInt32(116) !== payload.length || payload.length === 0) throw new Error('another length');
  if (!createHash('sha256').update(payload).digest().equals(bytes.subarray(80, 112))) throw new Error('another digest');
  const hex = bytes.toString('hex', 72, 80) + bytes.toString('hex', 64, 72);
  const id = hex.replace(/^(.{8})(.{4})(4.{3})([89ab].{3})(.{12})$/, '$1-$2-$3-$4-$5');
  if (id === hex) throw new Error('the message ID is no random UUID');
  const sequenceNumber = Number(header.getBigInt64(48));
  return { type: type.trim(), sequenceNumber, id, payloadType: header.getInt32(112), payload };
}

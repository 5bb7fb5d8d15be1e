/**
 * One session: a data channel towards the client, the command's channels (those of kubectl exec) towards the agent of the pod's node.
 *
 *   handshake ──► open ──► ending ──► ended
 *
 * The handshake tells the client that it is a terminal; then the command is started. Output waits, and with it the command, when the client does not
 * acknowledge; input that the command does not read is left to the client, which repeats it. When the client's connection breaks, the
 * command goes on for a while and the client may come back. At the end everything is delivered first, then `channel_closed` says why.
 */
import { messageOf } from '@slipway/kit/errors';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import { WebSocket } from 'ws';
import { channelMessage, channels } from '../../../streaming/channel-protocol.ts';
import {
  type AgentMessage,
  decodeAgentMessage,
  encodeAgentMessage,
  messageFlags,
  messageTypes,
  payloadTypes,
} from './agent-message.ts';
import { endOfCommand } from './command-end.ts';
import { IncomingStream, OutgoingStream } from './data-channel.ts';
import {
  acknowledgedNumber,
  acknowledgement,
  channelClosed,
  handshakeComplete,
  handshakeProblem,
  handshakeRequest,
  isTermination,
  terminalSize,
} from './payloads.ts';

export interface SessionTimes {
  /** For the client's answer to the handshake. */
  readonly handshakeMsMax: number;
  /** Without input and output. */
  readonly idleMsMax: number;
  /** For a client whose connection broke to come back. */
  readonly resumeMsMax: number;
  /** For the acknowledgement of what was sent last. */
  readonly lastWordsMsMax: number;
}

/** As Session Manager and ECS have them; a plugin gives up reconnecting after some seconds. */
export const sessionTimes: SessionTimes = {
  handshakeMsMax: 15_000,
  idleMsMax: 20 * 60_000,
  resumeMsMax: 60_000,
  lastWordsMsMax: 5_000,
};

export interface SessionDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly times: SessionTimes;
  /** What the user is told at the beginning; empty for nothing. */
  readonly notice: string;
  /** Starts the command; what it answers speaks the channel protocol of kubectl exec. Rejects with StatusError. */
  startCommand(signal: AbortSignal): Promise<WebSocket>;
}

/** Of a payload, as Session Manager's agent cuts output. */
const payloadBytesMax = 1024;
/** Output on its way to the client: half a mebibyte. */
const outgoingMessagesMax = 512;
const ahead = { aheadMax: 512, aheadBytesMax: 1024 * 1024 };
/** Input that the command has not read yet. */
const inputBytesMax = 1024 * 1024;
/** Of it, what may be in the hands of the socket to the agent. */
const socketBytesMax = 64 * 1024;
/** How often is looked whether something is to be repeated. */
const repeatCheckMs = 100;

type State = 'handshake' | 'open' | 'ending' | 'ended';

export class TerminalSession {
  readonly id: string;
  /** Resolves when nothing of it is left. */
  readonly ended: Promise<void>;
  readonly #deps: SessionDeps;
  readonly #outgoing = new OutgoingStream({ messagesMax: outgoingMessagesMax });
  readonly #incoming = new IncomingStream(ahead);
  readonly #over = new AbortController();
  readonly #finish: () => void;
  readonly #beganMs: number;
  #state: State = 'handshake';
  #client: WebSocket | undefined;
  #command: WebSocket | undefined;
  /** Output that has no number yet. The command's socket is paused while there is some. */
  #output: Buffer[] = [];
  #input: Buffer[] = [];
  #inputBytes = 0;
  #lastWords = '';
  #activeMs: number;
  #cancelRepeat: (() => void) | undefined;
  /** The one deadline of the state: of the handshake, of the client's return, of the last words. */
  #cancelDeadline: (() => void) | undefined;
  #cancelIdle: (() => void) | undefined;

  constructor(id: string, deps: SessionDeps) {
    this.id = id;
    this.#deps = deps;
    this.#beganMs = deps.clock.monotonicMs();
    this.#activeMs = this.#beganMs;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#finish = resolve;
    this.#watchIdle();
  }

  /** Its end was said, or there was nobody to say it to. */
  get isOver(): boolean {
    return this.#state === 'ended';
  }

  /** The client's connection, for the first time or after it broke. A connection that is there already is closed. */
  connect(client: WebSocket): void {
    if (this.#state === 'ended') {
      client.close(1000);
      return;
    }
    const before = this.#client;
    this.#client = client;
    before?.terminate();
    client.on('message', (data: Buffer, isBinary) => {
      if (this.#client === client && isBinary) this.#receive(data);
    });
    client.on('error', () => client.terminate());
    client.once('close', () => {
      if (this.#client === client) this.#clientLost();
    });
    if (this.#state === 'handshake' && !before) {
      this.#send(payloadTypes.handshakeRequest, handshakeRequest());
      const late = 'Handshake timed out. Please ensure that you have the latest version of the session manager plugin.';
      this.#cancelDeadline = this.#deps.clock.after(this.#deps.times.handshakeMsMax, () => this.end(late));
      return;
    }
    if (this.#state !== 'handshake') this.#cancelDeadline?.();
    for (const bytes of this.#outgoing.reconnected(this.#nowMs())) client.send(bytes);
    this.#watchRepeats();
    if (this.#state === 'ending') this.#deliver();
  }

  /** Ends it now: the command is stopped, the client is told. */
  end(lastWords: string): void {
    if (this.#state === 'ended') return;
    this.#output = [];
    this.#lastWords = lastWords;
    this.#close();
  }

  /** Without a word, for a server that can wait no longer. */
  terminate(): void {
    this.#client?.terminate();
    this.#close();
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicMs();
  }

  #receive(bytes: Buffer): void {
    const decoded = decodeAgentMessage(bytes);
    if (decoded.kind === 'malformed' || this.#state === 'ended') return;
    const { message } = decoded;
    switch (message.type) {
      case messageTypes.acknowledge:
        this.#acknowledged(message);
        break;
      case messageTypes.input:
        this.#take(message);
        break;
      case messageTypes.channelClosed:
        this.end('');
        break;
      default: // of other types nothing is wanted
        break;
    }
  }

  #acknowledged({ payload }: AgentMessage): void {
    const number = acknowledgedNumber(payload);
    if (number === undefined) return;
    this.#outgoing.acknowledge(number);
    this.#deliver();
  }

  #take(message: AgentMessage): void {
    const { isAcknowledged, messages } = this.#incoming.take(message, this.#inputBytes < inputBytesMax);
    if (isAcknowledged) this.#client?.send(this.#encode(messageTypes.acknowledge, acknowledgement(message)));
    for (const each of messages) this.#read(each);
  }

  #read({ payloadType, payload }: AgentMessage): void {
    if (this.#state === 'handshake') {
      if (payloadType === payloadTypes.handshakeResponse) this.#handshakeAnswered(payload);
      return;
    }
    switch (payloadType) {
      case payloadTypes.output:
        this.#activeMs = this.#nowMs();
        this.#keepInput(channelMessage(channels.stdin, payload));
        break;
      case payloadTypes.size: {
        const size = terminalSize(payload);
        if (size) this.#keepInput(channelMessage(channels.resize, Buffer.from(JSON.stringify(size))));
        break;
      }
      case payloadTypes.flag:
        if (isTermination(payload)) this.end('');
        break;
      default: // of other types nothing is wanted
        break;
    }
    this.#passInput();
  }

  #handshakeAnswered(payload: Buffer): void {
    const problem = handshakeProblem(payload);
    if (problem !== undefined) {
      this.end(problem);
      return;
    }
    this.#cancelDeadline?.();
    this.#state = 'open';
    this.#send(payloadTypes.handshakeComplete, handshakeComplete(this.#nowMs() - this.#beganMs, this.#deps.notice));
    this.#deps.startCommand(this.#over.signal).then(
      (command) => this.#started(command),
      (error) => this.#commandEnded(messageOf(error)),
    );
  }

  #started(command: WebSocket): void {
    if (this.#state !== 'open') {
      command.terminate();
      return;
    }
    this.#command = command;
    let status: Buffer | undefined;
    command.on('message', (data: Buffer) => {
      if (data[0] === channels.error) status = data.subarray(1);
      else if (data.length > 1) this.#takeOutput(data.subarray(1));
    });
    command.on('error', () => command.terminate());
    command.once('close', () => this.#commandEnded(endOfCommand(status)));
    command.resume();
    this.#passInput();
  }

  #takeOutput(bytes: Buffer): void {
    if (this.#state !== 'open') return;
    this.#activeMs = this.#nowMs();
    for (let from = 0; from < bytes.length; from += payloadBytesMax) {
      this.#output.push(bytes.subarray(from, from + payloadBytesMax));
    }
    this.#deliver();
  }

  /** Sends what the window takes; a command whose output waits is not read from. */
  #deliver(): void {
    let sent = 0;
    while (sent < this.#output.length && !this.#outgoing.isFull) {
      this.#send(payloadTypes.output, this.#output[sent++] ?? Buffer.alloc(0));
    }
    this.#output.splice(0, sent);
    if (this.#output.length > 0) this.#command?.pause();
    else if (this.#command?.isPaused) this.#command.resume();
    if (this.#state !== 'ending' || this.#output.length > 0) return;
    if (this.#outgoing.isEmpty) this.#close();
    else if (this.#client) this.#deadline(this.#deps.times.lastWordsMsMax, () => this.#close());
  }

  #keepInput(message: Buffer): void {
    this.#input.push(message);
    this.#inputBytes += message.length;
  }

  /** Hands input to the command as it takes it. */
  #passInput(): void {
    const command = this.#command;
    if (!command || command.readyState !== WebSocket.OPEN) return;
    while (this.#input.length > 0 && command.bufferedAmount < socketBytesMax) {
      const message = this.#input.shift();
      if (!message) return;
      this.#inputBytes -= message.length;
      command.send(message, () => this.#passInput());
    }
  }

  #commandEnded(lastWords: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#command = undefined;
    this.#lastWords = lastWords;
    this.#deliver();
  }

  #clientLost(): void {
    this.#client = undefined;
    this.#cancelRepeat?.();
    this.#cancelRepeat = undefined;
    if (this.#state === 'ended') this.#finish();
    else if (this.#state === 'handshake') this.#close();
    else this.#deadline(this.#deps.times.resumeMsMax, () => this.#close());
  }

  /** Nothing is waited for any more: the client hears the last words, the command loses its terminal. */
  #close(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    for (const cancel of [this.#cancelDeadline, this.#cancelRepeat, this.#cancelIdle]) cancel?.();
    this.#over.abort();
    this.#command?.terminate();
    this.#input = [];
    const client = this.#client;
    if (!client || client.readyState === WebSocket.CLOSED) {
      this.#finish();
      return;
    }
    const closed = channelClosed(this.id, this.#deps.random.uuid(), this.#deps.clock.nowMs(), this.#lastWords);
    client.send(this.#encode(messageTypes.channelClosed, closed), () => client.close(1000));
  }

  #send(payloadType: number, payload: Buffer): void {
    const bytes = this.#outgoing.add(
      (number) => this.#encode(messageTypes.output, payload, payloadType, number),
      this.#nowMs(),
    );
    this.#client?.send(bytes);
    this.#watchRepeats();
  }

  #encode(type: string, payload: Buffer, payloadType = 0, sequenceNumber = 0): Buffer {
    const isStream = type === messageTypes.output;
    const flags = !isStream ? messageFlags.first | messageFlags.last : sequenceNumber === 0 ? messageFlags.first : 0;
    const { clock, random } = this.#deps;
    return encodeAgentMessage({
      type,
      createdMs: clock.nowMs(),
      sequenceNumber,
      flags,
      id: random.uuid(),
      payloadType,
      payload,
    });
  }

  #deadline(ms: number, then: () => void): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline = this.#deps.clock.after(ms, then);
  }

  #watchRepeats(): void {
    const { dueMs } = this.#outgoing;
    if (this.#cancelRepeat || !this.#client || dueMs === undefined) return;
    this.#cancelRepeat = this.#deps.clock.after(Math.max(dueMs - this.#nowMs(), repeatCheckMs), () => {
      this.#cancelRepeat = undefined;
      // What has not left this machine yet was not lost.
      if (this.#client?.bufferedAmount === 0) {
        const bytes = this.#outgoing.repeat(this.#nowMs());
        if (bytes) this.#client.send(bytes);
      }
      this.#watchRepeats();
    });
  }

  #watchIdle(): void {
    const idleMs = this.#nowMs() - this.#activeMs;
    const { idleMsMax } = this.#deps.times;
    if (idleMs >= idleMsMax) this.end('Your session timed out due to inactivity.');
    else this.#cancelIdle = this.#deps.clock.after(idleMsMax - idleMs, () => this.#watchIdle());
  }
}

/** The JSON in messages of the data channel. Names and shapes are Session Manager's. */
import { type AgentMessage, messageTypes, sessionFlags } from './agent-message.ts';

/** What the client must be able to show: a terminal. */
export const sessionType = 'InteractiveCommands';
/** Clients look at it to know which flags they may send: those of the agent's 3.x. It says nothing of this platform. */
const agentVersion = '3.2.0.0';
const actionSucceeded = 1;

export function handshakeRequest(): Buffer {
  return json({
    AgentVersion: agentVersion,
    RequestedClientActions: [{ ActionType: 'SessionType', ActionParameters: { SessionType: sessionType } }],
  });
}

/** Undefined when the client agreed, else why not. */
export function handshakeProblem(payload: Buffer): string | undefined {
  const response = parsed(payload);
  if (!response) return 'The handshake response is not JSON.';
  const actions = Array.isArray(response.ProcessedClientActions) ? response.ProcessedClientActions : [];
  for (const action of actions as readonly Record<string, unknown>[]) {
    if (action?.ActionStatus === actionSucceeded) continue;
    return `${action?.ActionType} failed on client with status ${action?.ActionStatus} error: ${action?.Error}`;
  }
  return undefined;
}

/** `notice` is shown to the user; empty for none. */
export function handshakeComplete(tookMs: number, notice: string): Buffer {
  return json({ HandshakeTimeToComplete: Math.round(tookMs * 1e6), CustomerMessage: notice });
}

export function acknowledgement({ type, id, sequenceNumber }: AgentMessage): Buffer {
  return json({
    AcknowledgedMessageType: type,
    AcknowledgedMessageId: id,
    AcknowledgedMessageSequenceNumber: sequenceNumber,
    IsSequentialMessage: true,
  });
}

export function acknowledgedNumber(payload: Buffer): number | undefined {
  const content = parsed(payload);
  const number = content?.AcknowledgedMessageSequenceNumber;
  return typeof number === 'number' && content?.AcknowledgedMessageType === messageTypes.output ? number : undefined;
}

/** `output` is shown to the user; empty when there is nothing to say but that the session has ended. */
export function channelClosed(session: string, id: string, createdMs: number, output: string): Buffer {
  return json({
    MessageId: id,
    CreatedDate: String(createdMs),
    DestinationId: session,
    SessionId: session,
    MessageType: messageTypes.channelClosed,
    SchemaVersion: 1,
    Output: output,
  });
}

/** Columns and rows; undefined for what is no size of a terminal. */
export function terminalSize(payload: Buffer): { readonly Width: number; readonly Height: number } | undefined {
  const size = parsed(payload);
  const { cols, rows } = (size ?? {}) as { readonly cols?: unknown; readonly rows?: unknown };
  return isDimension(cols) && isDimension(rows) ? { Width: cols, Height: rows } : undefined;
}

function isDimension(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff;
}

export function isTermination(payload: Buffer): boolean {
  return payload.length === 4 && payload.readUInt32BE() === sessionFlags.terminateSession;
}

/** The first message on a connection: text. Undefined when it is something else. */
export function tokenOf(text: string): string | undefined {
  const token = parsed(Buffer.from(text))?.TokenValue;
  return typeof token === 'string' ? token : undefined;
}

function parsed(payload: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(payload.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

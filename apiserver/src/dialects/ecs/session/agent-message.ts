/**
 * The binary messages of Session Manager's data channel. Numbers are big-endian:
 *
 *     0  header length, 4 bytes: 116, which is where the payload's length stands; the payload follows it
 *     4  message type, 32 bytes, padded with blanks (some clients: with zeros)
 *    36  schema version, 4
 *    40  created, 8: milliseconds since the epoch, never zero
 *    48  sequence number, 8: counts the stream's messages from 0; of other types it is 0
 *    56  flags, 8: 1 = first of its stream, 2 = last
 *    64  message ID, 16: a UUID, its second half first
 *    80  digest, 32: SHA-256 of the payload
 *   112  payload type, 4
 *   116  payload length, 4
 *   120  payload
 *
 * Source: the message layouts in aws/session-manager-plugin and aws/amazon-ssm-agent.
 */
import { createHash } from 'node:crypto';

export const messageTypes = {
  /** Client to agent. */
  input: 'input_stream_data',
  /** Agent to client. */
  output: 'output_stream_data',
  acknowledge: 'acknowledge',
  channelClosed: 'channel_closed',
  startPublication: 'start_publication',
  pausePublication: 'pause_publication',
} as const;

export const payloadTypes = {
  output: 1,
  error: 2,
  /** `{"cols":80,"rows":24}` */
  size: 3,
  parameter: 4,
  handshakeRequest: 5,
  handshakeResponse: 6,
  handshakeComplete: 7,
  encryptionChallengeRequest: 8,
  encryptionChallengeResponse: 9,
  /** Four bytes: one of `sessionFlags`. */
  flag: 10,
  standardError: 11,
  exitCode: 12,
} as const;

export const sessionFlags = { disconnectToPort: 1, terminateSession: 2, connectToPortError: 3 } as const;

export const messageFlags = { first: 1, last: 2 } as const;

export interface AgentMessage {
  readonly type: string;
  readonly createdMs: number;
  readonly sequenceNumber: number;
  readonly flags: number;
  /** A UUID in its usual form. */
  readonly id: string;
  readonly payloadType: number;
  readonly payload: Buffer;
}

export type Decoded =
  | { readonly kind: 'message'; readonly message: AgentMessage }
  | { readonly kind: 'malformed'; readonly why: string };

const at = {
  headerLength: 0,
  type: 4,
  schemaVersion: 36,
  created: 40,
  sequenceNumber: 48,
  flags: 56,
  id: 64,
  digest: 80,
  payloadType: 112,
  payloadLength: 116,
  payload: 120,
} as const;
const typeBytes = 32;
const schemaVersion = 1;

export function encodeAgentMessage(message: AgentMessage): Buffer {
  const { type, createdMs, sequenceNumber, flags, id, payloadType, payload } = message;
  const bytes = Buffer.alloc(at.payload + payload.length);
  bytes.writeUInt32BE(at.payloadLength, at.headerLength);
  bytes.fill(' ', at.type, at.type + typeBytes);
  bytes.write(type, at.type, typeBytes, 'latin1');
  bytes.writeUInt32BE(schemaVersion, at.schemaVersion);
  bytes.writeBigUInt64BE(BigInt(createdMs), at.created);
  bytes.writeBigInt64BE(BigInt(sequenceNumber), at.sequenceNumber);
  bytes.writeBigUInt64BE(BigInt(flags), at.flags);
  const uuid = Buffer.from(id.replaceAll('-', ''), 'hex');
  uuid.copy(bytes, at.id, 8, 16);
  uuid.copy(bytes, at.id + 8, 0, 8);
  digestOf(payload).copy(bytes, at.digest);
  bytes.writeUInt32BE(payloadType, at.payloadType);
  bytes.writeUInt32BE(payload.length, at.payloadLength);
  payload.copy(bytes, at.payload);
  return bytes;
}

/** The payload is a view of `bytes`. */
export function decodeAgentMessage(bytes: Buffer): Decoded {
  if (bytes.length < at.payload) return malformed('it is shorter than its header');
  const headerLength = bytes.readUInt32BE(at.headerLength);
  if (headerLength < at.payloadLength || headerLength + 4 > bytes.length)
    return malformed('its header length is wrong');
  const payload = bytes.subarray(headerLength + 4);
  if (payload.length !== bytes.readUInt32BE(at.payloadLength)) return malformed('its payload length is wrong');
  const createdMs = bytes.readBigUInt64BE(at.created);
  if (createdMs === 0n || createdMs > numberMax) return malformed('its date is wrong');
  const sequenceNumber = bytes.readBigInt64BE(at.sequenceNumber);
  if (sequenceNumber < 0n || sequenceNumber > numberMax) return malformed('its sequence number is out of range');
  const digest = bytes.subarray(at.digest, at.digest + 32);
  if (payload.length > 0 && !digestOf(payload).equals(digest))
    return malformed('its digest is not that of the payload');
  const message: AgentMessage = {
    type: withoutPadding(bytes.toString('latin1', at.type, at.type + typeBytes)),
    createdMs: Number(createdMs),
    sequenceNumber: Number(sequenceNumber),
    flags: Number(bytes.readBigUInt64BE(at.flags) & 0xffff_ffffn),
    id: uuidFrom(bytes.subarray(at.id, at.id + 16)),
    payloadType: bytes.readUInt32BE(at.payloadType),
    payload,
  };
  return message.type === '' ? malformed('its type is missing') : { kind: 'message', message };
}

const numberMax = BigInt(Number.MAX_SAFE_INTEGER);

function malformed(why: string): Decoded {
  return { kind: 'malformed', why };
}

function digestOf(payload: Uint8Array): Buffer {
  return createHash('sha256').update(payload).digest();
}

function withoutPadding(text: string): string {
  return text.replaceAll('\0', ' ').trim();
}

function uuidFrom(halves: Buffer): string {
  const hex = `${halves.toString('hex', 8, 16)}${halves.toString('hex', 0, 8)}`;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

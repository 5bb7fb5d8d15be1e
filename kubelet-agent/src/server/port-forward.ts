/**
 * One forwarded connection is one WebSocket with the subprotocol `v1.portforward.slipway.dev`: binary messages are the
 * connection's bytes in both directions, the text message `EOF` says that this direction has ended. When nothing listens
 * on the port, the socket is closed with code 1011 and the reason. The API server speaks to clients whatever they speak
 * and opens one such socket per connection, so that each has its own flow control.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { bytesOf, sendFrame } from './stream-channels.ts';

export const portForwardProtocol = 'v1.portforward.slipway.dev';
const endMessage = 'EOF';

/** Takes a paused socket. Resolves when both sides are closed. */
export async function joinPort(socket: WebSocket, connection: Duplex): Promise<void> {
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  connection.on('error', () => connection.destroy());
  socket.on('message', (data, isBinary) => {
    if (!isBinary) {
      if (bytesOf(data).toString() === endMessage) connection.end();
      return;
    }
    if (connection.destroyed || connection.write(bytesOf(data))) return;
    socket.pause();
    connection.once('drain', () => socket.resume());
    connection.once('close', () => socket.resume());
  });
  socket.once('close', () => connection.destroy());
  socket.resume();
  try {
    for await (const chunk of connection) await sendFrame(socket, chunk as Buffer);
    if (socket.readyState === socket.OPEN) socket.send(endMessage);
  } catch {
    socket.close(1011, 'connection broken');
  }
  if (connection.writableFinished || connection.destroyed) socket.close(1000);
  else connection.once('close', () => socket.close(1000));
  await closed;
}

/** A close reason holds 123 bytes. */
export function closeReason(text: string): string {
  return Buffer.from(text).subarray(0, 123).toString();
}

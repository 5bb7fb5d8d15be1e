/**
 * Kubernetes' channel protocols over WebSocket (`v4.channel.k8s.io`, `v5.channel.k8s.io`): the first byte of a binary
 * message is the channel, the rest its bytes. Version 5 adds channel 255: its payload names a channel that closes.
 */
export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

export function channelMessage(channel: number, payload: Uint8Array): Buffer {
  const message = Buffer.allocUnsafe(payload.length + 1);
  message[0] = channel;
  message.set(payload, 1);
  return message;
}

export function closeMessage(channel: number): Buffer {
  return Buffer.from([channels.close, channel]);
}

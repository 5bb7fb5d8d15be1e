import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** A request that asks to leave HTTP: whoever answers it owns the socket from then on. */
export interface UpgradeRequest {
  readonly raw: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes of the new protocol that came with the request. */
  readonly head: Buffer;
}

export function asksFor(request: UpgradeRequest, protocol: 'websocket' | 'spdy/3.1'): boolean {
  return request.raw.headers.upgrade?.toLowerCase() === protocol;
}

/** Values of a header that may come several times or as a comma-separated list. */
export function headerList(request: UpgradeRequest, name: string): string[] {
  const value = request.raw.headers[name];
  const text = Array.isArray(value) ? value.join(',') : (value ?? '');
  return text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
}

export function switchProtocols(request: UpgradeRequest, headers: Readonly<Record<string, string>>): void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  request.socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${lines.join('')}\r\n`);
}

/** Joins two connections; when one ends or breaks, the other does too. */
export function splice(a: Duplex, b: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      a.destroy();
      b.destroy();
      resolve();
    };
    for (const side of [a, b]) {
      side.once('error', end);
      side.once('close', end);
    }
    a.pipe(b);
    b.pipe(a);
  });
}

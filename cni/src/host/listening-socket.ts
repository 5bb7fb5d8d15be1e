/** TCP sockets that listen in another network namespace: whoever connects to one is in that namespace. */
import { closeSync } from 'node:fs';
import { KernelError } from './host.ts';
import { inNetns } from './netns.ts';
import { calls, requireSuccess } from './system-calls.ts';

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

export interface ListeningSocketOptions {
  /** The host's own when absent. */
  readonly netns?: string | undefined;
  /** IPv4. */
  readonly address: string;
  /** The first that is free is taken; 0 lets the kernel choose. */
  readonly ports: readonly number[];
}

/** A bound socket for `server.listen({ fd })`, whose it is from then on. Throws `KernelError`. */
export function openListeningSocket({ netns, address, ports }: ListeningSocketOptions): number {
  const open = () => {
    const type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    const fd = requireSuccess(calls().socket(AF_INET, type, 0), 'open a socket');
    try {
      const yes = Buffer.from([1, 0, 0, 0]);
      requireSuccess(calls().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, yes, yes.length), 'set up a socket');
      bindFirst(fd, address, ports);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  };
  return netns === undefined ? open() : inNetns(netns, open);
}

function bindFirst(fd: number, address: string, ports: readonly number[]): void {
  for (const [i, port] of ports.entries()) {
    const name = Buffer.alloc(16); // struct sockaddr_in
    name.writeUInt16LE(AF_INET, 0);
    name.writeUInt16BE(port, 2);
    name.set(address.split('.').map(Number), 4);
    try {
      requireSuccess(calls().bind(fd, name, name.length), `bind a socket to ${address}:${port}`);
      return;
    } catch (error) {
      const isLast = i === ports.length - 1;
      if (isLast || !(error instanceof KernelError && error.errno === 'EADDRINUSE')) throw error;
    }
  }
}

import { Socket } from 'node:net';
import { checked, libc } from './libc.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;

/**
 * A stream over a descriptor of a type that Node does not know. Node looks at the type only when it wraps a descriptor, so it
 * gets to wrap one end of a stream pair, and the other descriptor takes that place before the event loop sees it. Takes
 * `fd` over.
 */
export function socketOver(fd: number, options: { readonly allowHalfOpen: boolean }): Socket {
  try {
    const [wrapped, spare] = socketPair();
    libc().close(spare);
    const socket = new Socket({ fd: wrapped, readable: true, writable: true, ...options });
    checked(libc().dup2(fd, wrapped), 'replace the descriptor');
    return socket;
  } finally {
    libc().close(fd);
  }
}

/** Two connected stream sockets that children do not inherit. */
export function socketPair(): readonly [number, number] {
  const pair = Buffer.alloc(8);
  checked(libc().socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 'make a socket pair');
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}

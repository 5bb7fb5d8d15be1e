import { Socket } from 'node:net';
import { inNetworkNamespace } from './namespaces.ts';
import { checked, libc } from './libc.ts';
import { socketOver } from './watched-descriptor.ts';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;

/** Connects to a socket of packets, which Node cannot: each `data` event is one packet, each write one packet. */
export function connectSeqpacket(path: string): Socket {
  const address = Buffer.alloc(110); // struct sockaddr_un
  const pathBytes = Buffer.from(path);
  if (pathBytes.length > 107) throw new Error(`socket path is too long: ${path}`);
  address.writeUInt16LE(AF_UNIX, 0);
  pathBytes.copy(address, 2);
  const packets = checked(libc().socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), 'open a socket');
  try {
    checked(libc().connect(packets, address, address.length), `connect to ${path}`);
  } catch (error) {
    libc().close(packets);
    throw error;
  }
  return socketOver(packets, { allowHalfOpen: true });
}

/** Loopback answers at once; a full backlog may keep it waiting this long. */
const connectTimeoutSeconds = 10;

/** Connects to a TCP port on the loopback of a pinned network namespace: IPv4 first, then IPv6. */
export async function connectInNamespace(netnsPath: string, port: number): Promise<Socket> {
  try {
    return await connectLoopback(netnsPath, loopback4(port));
  } catch (error) {
    return await connectLoopback(netnsPath, loopback6(port)).catch(() => {
      throw error;
    });
  }
}

async function connectLoopback(netnsPath: string, address: Buffer): Promise<Socket> {
  const family = address.readUInt16LE(0);
  const open = () => checked(libc().socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), 'open a socket');
  const fd = netnsPath === '' ? open() : inNetworkNamespace(netnsPath, open);
  const timeout = Buffer.alloc(16); // struct timeval
  timeout.writeBigInt64LE(BigInt(connectTimeoutSeconds), 0);
  libc().setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeout, timeout.length);
  const result = await new Promise<number>((resolve, reject) =>
    libc().connectAsync(fd, address, address.length, (error, answer) => (error ? reject(error) : resolve(answer))),
  );
  if (result !== 0) {
    libc().close(fd);
    throw Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
  }
  return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
}

function loopback4(port: number): Buffer {
  const address = Buffer.alloc(16); // struct sockaddr_in
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  return address;
}

function loopback6(port: number): Buffer {
  const address = Buffer.alloc(28); // struct sockaddr_in6
  address.writeUInt16LE(AF_INET6, 0);
  address.writeUInt16BE(port, 2);
  address[23] = 1;
  return address;
}

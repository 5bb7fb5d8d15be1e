import { createServer, type Server } from 'node:net';

/** Ports of the loopback that nobody listens on now; all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen()));
  return Promise.all(servers.map((server) => close(server)));
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function close(server: Server): Promise<number> {
  const address = server.address();
  return new Promise((resolve) =>
    server.close(() => resolve(typeof address === 'object' && address ? address.port : 0)),
  );
}

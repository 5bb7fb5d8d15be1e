/** What stands before several API servers: each connection goes to the next server that takes it. */
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface Balancer {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  let next = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.once('close', () => open.delete(client));
    client.on('error', () => client.destroy());
    const first = next++;
    const dial = (tries: number) => {
      const port = ports[(first + tries) % ports.length] ?? 0;
      const upstream = connect(port, '127.0.0.1');
      const onRefused = () => (tries + 1 < ports.length ? dial(tries + 1) : client.destroy());
      upstream.once('error', onRefused);
      upstream.once('connect', () => {
        upstream.off('error', onRefused);
        upstream.on('error', () => client.destroy());
        upstream.once('close', () => client.destroy());
        client.once('close', () => upstream.destroy());
        client.pipe(upstream).pipe(client);
      });
    };
    dial(0);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

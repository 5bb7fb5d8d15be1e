import { createServer, type Server } from 'node:http';
import { messageOf } from '@slipway/kit/errors';
import { CommandError } from '../usage-error.ts';

export interface HealthProbes {
  /** Where it listens. */
  readonly port: number;
  stop(): Promise<void>;
}

/** A probe has neither a body nor many headers. */
const headerBytesMax = 8 * 1024;
const requestTimeoutMs = 5_000;

/**
 * Answers the probes of whoever keeps this process running, by plain HTTP: `/healthz` and `/livez` as long as the process answers at all, `/readyz` from
 * when `ready` has resolved. Throws `CommandError` when the address cannot be had.
 */
export async function startHealthProbes(
  { host, port }: { readonly host: string; readonly port: number },
  ready: Promise<void>,
): Promise<HealthProbes> {
  let isReady = false;
  void ready.then(
    () => {
      isReady = true;
    },
    () => {},
  );
  const server = createServer(
    { maxHeaderSize: headerBytesMax, requestTimeout: requestTimeoutMs },
    (request, response) => {
      const path = request.url?.split('?')[0] ?? '';
      const isProbe = path === '/healthz' || path === '/livez' || path === '/readyz';
      const code = !isProbe ? 404 : path === '/readyz' && !isReady ? 503 : 200;
      const text = { 200: 'ok', 404: 'not found: there are /healthz, /livez and /readyz', 503: 'not ready yet' }[code];
      response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    },
  );
  try {
    await listen(server, host, port);
  } catch (error) {
    throw new CommandError(`--health-probe-bind-address ${host}:${port}: ${messageOf(error)}`);
  }
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Without a host Node takes both families where the machine has both.
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

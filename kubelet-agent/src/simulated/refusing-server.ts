/**
 * Answers for the kubelets of simulated nodes: with a plain no. Whoever wants logs of a simulated pod, or a shell in it, hears at once why
 * there are none.
 */
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { StatusError } from '@slipway/api/status-error';

export interface RefusingServer {
  readonly port: number;
  close(): Promise<void>;
}

/** One per stream that somebody asks for, for as long as a no takes. */
const connectionsMax = 256;

export function startRefusingServer(options: {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string };
}): Promise<RefusingServer> {
  const { host, port, tls } = options;
  const server = createServer({ ...tls, minVersion: 'TLSv1.2' });
  server.maxConnections = connectionsMax;
  server.on('request', (request, response) => {
    const { isHealthCheck, body } = answerTo(request);
    if (isHealthCheck) return void response.end('ok');
    response.writeHead(refusalCode, { 'content-type': 'application/json' }).end(body);
  });
  server.on('upgrade', (request, socket) => {
    const { body } = answerTo(request);
    const head = `HTTP/1.1 ${refusalCode} Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n`;
    socket.on('error', () => {}).end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  });
  server.on('tlsClientError', () => {});
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      const close = () => {
        server.closeAllConnections();
        return new Promise<void>((done) => server.close(() => done()));
      };
      resolve({ port: (server.address() as AddressInfo).port, close });
    });
  });
}

const refusalCode = 400;
const verbs: Readonly<Record<string, string>> = {
  containerLogs: 'has no logs',
  exec: 'runs nothing that a command could be executed in',
  attach: 'runs nothing that could be attached to',
  portForward: 'listens on no port',
};

function answerTo({ url = '/' }: IncomingMessage): { readonly isHealthCheck: boolean; readonly body: string } {
  const [what = '', namespace, pod] = (url.split('?')[0] ?? '').split('/').slice(1);
  const lack = verbs[what];
  const message =
    lack && pod
      ? `pod ${namespace}/${pod} is on a simulated node and ${lack}`
      : `this node is simulated and does not answer /${what}`;
  return { isHealthCheck: what === 'healthz', body: JSON.stringify(new StatusError('BadRequest', message).toStatus()) };
}

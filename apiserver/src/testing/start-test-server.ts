/** A whole API server for a test: temporary directory, embedded store, a free port. The double of a cluster is the cluster's own server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { type ApiServer, type ApiServerDeps, createApiServer } from '../compose.ts';
import { type ApiServerOptions, apiServerConfig } from '../config.ts';
import { clientIdentities } from '../pki/pki.ts';
import type { KeyPair } from '../pki/issue-certificate.ts';
import { openEmbeddedStore } from '../storage/embedded/embedded-store.ts';

export interface TestServerOptions extends Omit<Partial<ApiServerOptions>, 'dataDir'> {
  readonly clock?: Clock;
  readonly connect?: ApiServerDeps['connect'];
}

export interface TestResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
  /** The body as JSON. */
  readonly body: unknown;
}

export interface TestRequest {
  readonly method?: string;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The admin's when absent; `null` shows none. */
  readonly certificate?: KeyPair | null;
}

export interface TestServer {
  readonly server: ApiServer;
  readonly dataDir: string;
  readonly url: string;
  readonly adminCertificate: KeyPair;
  /** One request over HTTPS, as the admin unless told otherwise. */
  fetch(path: string, options?: TestRequest): Promise<TestResponse>;
  /** Ends the server, its store, and removes the directory. */
  stop(): Promise<void>;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { clock = systemClock, connect, ...config } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'slipway-apiserver-'));
  const backend = await openEmbeddedStore({ directory: join(dataDir, 'store'), clock });
  const stop = new AbortController();
  const server = await createApiServer(apiServerConfig({ securePort: 0, ...config, dataDir }), {
    backend,
    clock,
    random: systemRandom,
    log: silentLogger,
    ...(connect ? { connect } : {}),
  });
  const running = server.run(stop.signal);
  try {
    await Promise.race([server.ready, running]);
  } catch (error) {
    await backend.close();
    await rm(dataDir, { recursive: true });
    throw error;
  }
  const adminCertificate = await server.pki.clientCertificate(clientIdentities.admin);
  const url = `https://${server.address.host}:${server.address.port}`;
  return {
    server,
    dataDir,
    url,
    adminCertificate,
    fetch: (path, asked) => send(new URL(path, url), asked, { ca: server.pki.caCertificate, admin: adminCertificate }),
    stop: async () => {
      stop.abort();
      await running;
      await backend.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

function send(
  url: URL,
  { method = 'GET', body, headers = {}, certificate }: TestRequest = {},
  { ca, admin }: { ca: string; admin: KeyPair },
): Promise<TestResponse> {
  const shown = certificate === undefined ? admin : certificate;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method,
        ca,
        ...(shown ? { cert: shown.certificate, key: shown.privateKey } : {}),
        headers: {
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
          ...headers,
        },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const answered = Buffer.concat(chunks).toString();
          const status = response.statusCode ?? 0;
          resolve({ status, headers: response.headers, text: answered, body: parsed(answered) });
        });
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(text);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

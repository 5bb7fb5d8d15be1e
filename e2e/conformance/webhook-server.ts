import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPki } from '@slipway/apiserver';
import { systemClock } from '@slipway/kit/clock';
import { systemRandom } from '@slipway/kit/random';
import type { Tree } from './api-client.ts';

/** What a webhook is told about a write. */
export interface Review extends Tree {
  readonly uid: string;
  readonly operation: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly object: Tree & { readonly metadata: Tree };
  readonly oldObject: Tree | null;
}

/** The `response` of an AdmissionReview but for its uid; a string is sent as it is; a number is the code of an empty answer. */
export type Handler = (review: Review) => object | string | number | Promise<object | string | number>;

/** A real HTTPS server with a certificate of its own authority. */
export interface WebhookServer {
  readonly caBundle: string;
  readonly port: number;
  /** Answers at `/PATH`. */
  on(path: string, handler: Handler): void;
  /** Reviews that came to the path. */
  seen(path: string): readonly Review[];
  connections(): number;
  clientConfig(path: string): object;
  close(): Promise<void>;
}

export async function startWebhookServer(hosts: readonly string[]): Promise<WebhookServer> {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-webhook-'));
  const pki = await openPki(directory, { clock: systemClock, random: systemRandom });
  const { certificate, privateKey } = await pki.servingCertificate(['127.0.0.1', ...hosts]);
  const handlers = new Map<string, Handler>();
  const reviews = new Map<string, Review[]>();
  let connections = 0;
  const server = createServer({ cert: certificate, key: privateKey }, async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const path = new URL(request.url ?? '/', 'https://x').pathname.slice(1);
    const review = JSON.parse(Buffer.concat(parts).toString()) as Tree & { request: Review };
    reviews.set(path, [...(reviews.get(path) ?? []), review.request]);
    const answer = (await handlers.get(path)?.(review.request)) ?? 404;
    if (typeof answer === 'number') {
      response.writeHead(answer).end();
      return;
    }
    const { kind, apiVersion } = review;
    const body = { kind, apiVersion, response: { uid: review.request.uid, ...Object(answer) } };
    response.end(typeof answer === 'string' ? answer : JSON.stringify(body));
  });
  server.on('secureConnection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  const caBundle = Buffer.from(pki.caCertificate).toString('base64');
  return {
    caBundle,
    port,
    on: (path, handler) => void handlers.set(path, handler),
    seen: (path) => reviews.get(path) ?? [],
    connections: () => connections,
    clientConfig: (path) => ({ url: `https://127.0.0.1:${port}/${path}`, caBundle }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true });
    },
  };
}

/** As a mutating webhook answers. */
export function patchOf(...operations: readonly object[]): object {
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return { allowed: true, patchType: 'JSONPatch', patch };
}

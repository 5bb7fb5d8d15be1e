/**
 * The API server under test. By environment any one:
 *
 *   SLIPWAY_CONFORMANCE_SERVER        https://HOST:PORT
 *   SLIPWAY_CONFORMANCE_CA            file with its CA; without it the certificate is not checked
 *   SLIPWAY_CONFORMANCE_TOKEN         bearer token of a cluster admin, or
 *   SLIPWAY_CONFORMANCE_CLIENT_CERT   file with a cluster admin's client certificate, and
 *   SLIPWAY_CONFORMANCE_CLIENT_KEY    file with its key
 *
 * else our own, in this process, on an empty data directory.
 */
import { readFileSync } from 'node:fs';
import { ApiClient, type Endpoint, type Identity } from './api-client.ts';
import { startOwnServer } from './own-server.ts';

/** A namespace of its own for a test file, on the server under test. */
export interface Target {
  readonly admin: ApiClient;
  /** Without any identity. */
  readonly anonymous: ApiClient;
  readonly namespace: string;
  /** `/api/v1/namespaces/NAMESPACE`. */
  readonly core: string;
  /** `/apis/apps/v1/namespaces/NAMESPACE`. */
  readonly apps: string;
  /** A further namespace, removed with the target. */
  newNamespace(): Promise<string>;
  readonly forgetHistory: Found['forgetHistory'];
  close(): Promise<void>;
}

/** Hands the target of a file to its tests, and ends it after them. */
export function useTarget(): Target {
  let target: Target | undefined;
  beforeAll(async () => {
    target = await openTarget();
  });
  afterAll(() => target?.close());
  return new Proxy({} as Target, {
    get: (_, name) => {
      if (!target) throw new Error('the target opens before the first test');
      return target[name as keyof Target];
    },
  });
}

async function openTarget(): Promise<Target> {
  const { endpoint, identity, forgetHistory, stop } = await findServer();
  const admin = new ApiClient(endpoint, identity);
  const anonymous = admin.as({});
  const made: string[] = [];
  const newNamespace = async () => {
    const { metadata } = await admin.made('/api/v1/namespaces', { metadata: { generateName: 'conformance-' } });
    made.push(metadata.name);
    await ensureServiceAccount(admin, metadata.name);
    return metadata.name;
  };
  const namespace = await newNamespace();
  return {
    admin,
    anonymous,
    namespace,
    core: `/api/v1/namespaces/${namespace}`,
    apps: `/apis/apps/v1/namespaces/${namespace}`,
    newNamespace,
    forgetHistory,
    close: async () => {
      for (const name of made) await admin.delete(`/api/v1/namespaces/${name}`);
      admin.close();
      anonymous.close();
      await stop();
    },
  };
}

/** Pods need it; where a controller makes it, it may be there already. */
async function ensureServiceAccount(admin: ApiClient, namespace: string): Promise<void> {
  const reply = await admin.post(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'default' } });
  if (reply.code !== 201 && reply.code !== 409) throw new Error(`no service account in ${namespace}: ${reply.text}`);
}

/** A running API server and who may do everything there. */
export interface Found {
  readonly endpoint: Endpoint;
  readonly identity: Identity;
  /** Makes the server forget what was before the revision, where a test can. */
  readonly forgetHistory: ((revision: bigint) => Promise<void>) | undefined;
  stop(): Promise<void>;
}

async function findServer(): Promise<Found> {
  const url = process.env.SLIPWAY_CONFORMANCE_SERVER?.replace(/\/$/, '');
  if (!url) return await startOwnServer();
  return {
    endpoint: { url, ca: fileNamedBy('CA') },
    identity: {
      token: process.env.SLIPWAY_CONFORMANCE_TOKEN,
      certificate: fileNamedBy('CLIENT_CERT'),
      key: fileNamedBy('CLIENT_KEY'),
    },
    forgetHistory: undefined,
    stop: async () => {},
  };
}

function fileNamedBy(name: string): string | undefined {
  const path = process.env[`SLIPWAY_CONFORMANCE_${name}`];
  return path ? readFileSync(path, 'utf8') : undefined;
}

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { parse, stringify } from 'yaml';

/** Where a server is and who we are to it. PEM texts, not file names. */
export interface Connection {
  /** `https://127.0.0.1:6443`; a path is kept as a prefix. */
  readonly server: string;
  /** Further servers of the same cluster, asked when that one fails. No kubeconfig can say them. */
  readonly otherServers?: readonly string[] | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
  /** Read again as it changes. */
  readonly tokenFile?: string | undefined;
  readonly tlsServerName?: string | undefined;
  readonly insecureSkipTlsVerify?: boolean | undefined;
  /** The namespace that commands use when they name none. */
  readonly namespace?: string | undefined;
}

/** The file cannot be read, or does not say what is needed. The message names the file and what is missing. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

interface ClusterEntry {
  readonly server?: string;
  readonly 'certificate-authority'?: string;
  readonly 'certificate-authority-data'?: string;
  readonly 'tls-server-name'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
}

interface UserEntry {
  readonly 'client-certificate'?: string;
  readonly 'client-certificate-data'?: string;
  readonly 'client-key'?: string;
  readonly 'client-key-data'?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly exec?: unknown;
  readonly 'auth-provider'?: unknown;
  readonly username?: string;
}

interface ContextEntry {
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly clusters?: readonly { readonly name?: string; readonly cluster?: ClusterEntry }[];
  readonly users?: readonly { readonly name?: string; readonly user?: UserEntry }[];
  readonly contexts?: readonly { readonly name?: string; readonly context?: ContextEntry }[];
}

/** Reads a context (the current one when none is named) of a kubeconfig file. Throws `KubeconfigError`. */
export async function loadKubeconfig(file: string, contextName?: string): Promise<Connection> {
  const config = await readConfig(file);
  const name = contextName ?? config['current-context'];
  if (!name) throw new KubeconfigError(`kubeconfig ${file} has no current-context`);
  const context = config.contexts?.find((entry) => entry.name === name)?.context;
  if (!context) throw new KubeconfigError(`kubeconfig ${file} has no context "${name}"`);
  const cluster = config.clusters?.find((entry) => entry.name === context.cluster)?.cluster;
  if (!cluster?.server) throw new KubeconfigError(`kubeconfig ${file} has no server for cluster "${context.cluster}"`);
  const user = config.users?.find((entry) => entry.name === context.user)?.user ?? {};
  const unsupported = (['exec', 'auth-provider', 'username'] as const).find((way) => user[way] !== undefined);
  if (unsupported) {
    throw new KubeconfigError(
      `kubeconfig ${file}: user "${context.user}" logs in by ${unsupported}, which is not supported: use a client certificate, a token or a token file`,
    );
  }
  const pem = (data: string | undefined, path: string | undefined) => readPem(file, data, path);
  return {
    server: cluster.server,
    ca: await pem(cluster['certificate-authority-data'], cluster['certificate-authority']),
    cert: await pem(user['client-certificate-data'], user['client-certificate']),
    key: await pem(user['client-key-data'], user['client-key']),
    token: user.token,
    tokenFile: user.tokenFile ? resolve(dirname(file), user.tokenFile) : undefined,
    tlsServerName: cluster['tls-server-name'],
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'],
    namespace: context.namespace,
  };
}

/** Writes a kubeconfig with one context, readable by its owner only, in one step. Makes the folder when it is missing. */
export async function writeKubeconfig(
  file: string,
  connection: Connection,
  names: { readonly cluster: string; readonly user: string },
): Promise<void> {
  const context = `${names.user}@${names.cluster}`;
  const text = stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': context,
      clusters: [{ name: names.cluster, cluster: clusterEntry(connection) }],
      users: [{ name: names.user, user: userEntry(connection) }],
      contexts: [
        {
          name: context,
          context: { cluster: names.cluster, user: names.user, ...present('namespace', connection.namespace) },
        },
      ],
    },
    { lineWidth: 0 },
  );
  // A server that starts again on a full disk has nothing to write here.
  if (text === (await readFile(file, 'utf8').catch(() => undefined))) return;
  await mkdir(dirname(resolve(file)), { recursive: true });
  const draft = `${file}.new`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, file);
}

function clusterEntry(connection: Connection): ClusterEntry {
  return {
    server: connection.server,
    ...present('certificate-authority-data', base64(connection.ca)),
    ...present('tls-server-name', connection.tlsServerName),
    ...present('insecure-skip-tls-verify', connection.insecureSkipTlsVerify || undefined),
  };
}

function userEntry(connection: Connection): UserEntry {
  return {
    ...present('client-certificate-data', base64(connection.cert)),
    ...present('client-key-data', base64(connection.key)),
    ...present('token', connection.token),
    ...present('tokenFile', connection.tokenFile),
  };
}

async function readConfig(file: string): Promise<Kubeconfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const why = errnoOf(cause) === 'ENOENT' ? 'there is no such file' : messageOf(cause);
    throw new KubeconfigError(`read kubeconfig ${file}: ${why}`, { cause });
  }
  try {
    const config: unknown = parse(text);
    if (typeof config !== 'object' || config === null) throw new Error('it is no mapping');
    return config;
  } catch (cause) {
    throw new KubeconfigError(`read kubeconfig ${file}: ${messageOf(cause)}`, { cause });
  }
}

/** Inline data wins over a file, whose name is relative to the kubeconfig. */
async function readPem(file: string, data: string | undefined, path: string | undefined): Promise<string | undefined> {
  if (data) return Buffer.from(data, 'base64').toString();
  if (!path) return undefined;
  const at = resolve(dirname(file), path);
  try {
    return await readFile(at, 'utf8');
  } catch (cause) {
    throw new KubeconfigError(`kubeconfig ${file} names ${at}, which cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function base64(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text).toString('base64');
}

function present<Key extends string, T>(key: Key, value: T | undefined): { readonly [K in Key]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]?: T });
}

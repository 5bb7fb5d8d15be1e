/** How a program in a pod reaches the API server of its cluster: by what every kubelet hands to it, without a kubeconfig. */
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { messageOf } from '@slipway/kit/errors';
import { type Connection, KubeconfigError } from './kubeconfig.ts';

/** Where kubelets mount the token of a pod's service account, the authority to trust, and the namespace. */
export const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InCluster {
  readonly host: string;
  readonly port: string;
}

/** What the environment of a container says; undefined outside of a cluster. */
export function inClusterFrom(env: Readonly<Record<string, string | undefined>>): InCluster | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  return host && port ? { host, port } : undefined;
}

/** The token is named, not read: it is replaced while the program runs. Throws `KubeconfigError`. */
export async function loadInCluster(
  { host, port }: InCluster,
  directory: string = serviceAccountDirectory,
): Promise<Connection> {
  const tokenFile = join(directory, 'token');
  await fileOf(tokenFile);
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    ca: await fileOf(join(directory, 'ca.crt')),
    tokenFile,
    namespace: (await fileOf(join(directory, 'namespace'))).trim(),
  };
}

async function fileOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new KubeconfigError(
      `this is a pod of a cluster, but ${path} cannot be read: ${messageOf(cause)}; give it a service account (automountServiceAccountToken), or name a kubeconfig`,
      { cause },
    );
  }
}

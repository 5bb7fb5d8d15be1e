/** An API server with the ECS API in this process, and clients for it: AWS' own, unmodified but for the endpoint. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ECSClient, type ECSClientConfig } from '@aws-sdk/client-ecs';
import { apiServerConfig, createApiServer, openEmbeddedStore } from '@slipway/apiserver';
import { clientIdentities, openPki } from '@slipway/apiserver/pki';
import type { Transport } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import { definitions } from '@slipway/crds';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';

export const accountId = '123456789012';
export const region = 'eu-central-1';
export const adminKey = { accessKeyId: 'AKIAADMIN', secretAccessKey: 'secret-of-the-admin' };

export interface EcsTestServer {
  /** Plain HTTP on the loopback. */
  readonly url: string;
  readonly port: number;
  /** As cluster admin. */
  readonly transport: Transport;
  transportAs(user: { readonly name: string; readonly groups: readonly string[] }): Transport;
  readonly caFile: string;
  /** For kubectl as cluster admin. */
  kubeconfig(): Promise<string>;
  client(config?: ECSClientConfig): ECSClient;
  /** Makes a Secret of an access key. */
  addKey(name: string, data: Readonly<Record<string, string>>): Promise<void>;
  create(body: KubeObject, resource: string): Promise<void>;
  /** What the agent of a node shows on the loopback. */
  agentCertificate(nodeName: string): Promise<{ certificate: string; privateKey: string }>;
  /** What a controller would write. */
  setStatus(resource: string, name: string, status: object, namespace?: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startEcsServer(): Promise<EcsTestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'slipway-ecs-'));
  const backend = await openEmbeddedStore({ directory: join(dataDir, 'store'), clock: systemClock });
  const stopping = new AbortController();
  const server = await createApiServer(apiServerConfig({ dataDir, securePort: 0, ecs: { port: 0, accountId } }), {
    backend,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    ownKinds: { definitions: definitions(), objects: [] },
  });
  const running = server.run(stopping.signal);
  await Promise.race([server.ready, running]);
  const transport = server.transport({ name: 'admin', groups: ['system:masters'] });
  const port = server.ecsAddress?.port ?? 0;
  const url = `http://127.0.0.1:${port}`;
  const clients: ECSClient[] = [];

  const started: EcsTestServer = {
    url,
    port,
    transport,
    transportAs: (user) => server.transport({ ...user, groups: [...user.groups] }),
    caFile: join(dataDir, 'pki', 'ca.crt'),
    async kubeconfig() {
      const pki = await openPki(join(dataDir, 'pki'), { clock: systemClock, random: systemRandom });
      const { certificate, privateKey } = await pki.clientCertificate(clientIdentities.admin);
      const file = join(dataDir, 'admin.kubeconfig');
      const base64 = (pem: string) => Buffer.from(pem).toString('base64');
      const endpoint = `https://127.0.0.1:${server.address.port}`;
      const user = { 'client-certificate-data': base64(certificate), 'client-key-data': base64(privateKey) };
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'a', cluster: { server: endpoint, 'certificate-authority': started.caFile } }],
        users: [{ name: 'a', user }],
        contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
        'current-context': 'a',
      };
      await writeFile(file, JSON.stringify(config), { mode: 0o600 });
      return file;
    },
    client(config = {}) {
      const client = new ECSClient({ endpoint: url, region, credentials: adminKey, maxAttempts: 1, ...config });
      clients.push(client);
      return client;
    },
    async addKey(name, data) {
      const metadata = { name, namespace: 'kube-system' };
      const body = { apiVersion: 'v1', kind: 'Secret', type: 'slipway.dev/aws-access-key', metadata, stringData: data };
      const path = { group: '', version: 'v1', resource: 'secrets', namespace: 'kube-system' };
      await transport.send({ verb: 'create', path, body }, neverAborted);
    },
    async create(body, resource) {
      const [version = '', group = ''] = (body.apiVersion ?? '').split('/').reverse();
      const { namespace } = body.metadata;
      const path = { group, version, resource, ...(namespace === undefined ? {} : { namespace }) };
      await transport.send({ verb: 'create', path, body }, neverAborted);
    },
    agentCertificate: (nodeName) => server.pki.agentServingCertificate(nodeName, ['127.0.0.1']),
    async setStatus(resource, name, status, namespace) {
      const place = namespace === undefined ? {} : { namespace };
      const path = { group: 'ecs.slipway.dev', version: 'v1', resource, name, subresource: 'status', ...place };
      await transport.send({ verb: 'patch', path, patchType: 'merge', body: { status } }, neverAborted);
    },
    async stop() {
      for (const client of clients) client.destroy();
      stopping.abort();
      await running;
      await backend.close();
      await rm(dataDir, { recursive: true });
    },
  };
  await started.addKey('ecs-admin', { ...adminKey, user: 'alice', groups: 'system:masters' });
  return started;
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isStatus } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { KubeObject, Node } from '@slipway/api/types';
import {
  type ApiServer,
  apiServerConfig,
  clientIdentities,
  createApiServer,
  openEmbeddedStore,
  type OwnKinds,
} from '@slipway/apiserver';
import { Client } from '@slipway/client/client';
import { createHttpTransport, type HttpTransport } from '@slipway/client/http-transport';
import { type Kind, kinds, type ObjectRef } from '@slipway/client/kinds';
import { type ControllerManager, createControllerManager } from '@slipway/controllers';
import { type Clock, systemClock } from '@slipway/kit/clock';
import { type Logger, silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';

export interface ControlPlane {
  readonly server: ApiServer;
  readonly manager: ControllerManager;
  /** As a cluster admin. */
  readonly client: Client;
  readonly transport: Transport;
  readonly signal: AbortSignal;
  /** The first object of a watch for which `holds`; fails after `timeoutMs` with the last one seen. */
  until<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    holds: (object: T | undefined) => boolean,
  ): Promise<T | undefined>;
  stop(): Promise<void>;
}

const admin = { name: 'kubernetes-admin', groups: ['system:masters'] };
const timeoutMs = 15_000;

/** API server, controllers and scheduler in this process, on an empty directory: the real ones, over the in-process transport. */
export async function startControlPlane(
  options: {
    readonly controllers?: readonly string[];
    readonly log?: Logger;
    /** Everybody's time; the real one when not given. */
    readonly clock?: Clock;
    /** How the controllers reach the server; in process when not given. */
    readonly over?: 'http' | 'in-process';
    /** Stands between the controllers and the server, to put faults there. */
    readonly through?: (transport: Transport) => Transport;
    readonly ownKinds?: OwnKinds;
    /** The controllers' clock, to let their time go by; the server keeps its own. */
    readonly controllerClock?: Clock;
  } = {},
): Promise<ControlPlane> {
  const { log = silentLogger } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'slipway-control-plane-'));
  const { clock = systemClock } = options;
  const backend = await openEmbeddedStore({ directory: join(dataDir, 'store'), clock });
  const world = { clock, random: systemRandom, log };
  const server = await createApiServer(apiServerConfig({ dataDir, securePort: 0 }), {
    backend,
    ...world,
    ...(options.ownKinds ? { ownKinds: options.ownKinds } : {}),
  });
  const stopping = new AbortController();
  const serving = server.run(stopping.signal);
  await Promise.race([server.ready, serving]);
  const transport = server.transport(admin);
  const http = options.over === 'http' ? await httpTransport(server) : undefined;
  const through = options.through ?? ((plain) => plain);
  const refused: string[] = [];
  const manager = createControllerManager({
    transport: through(http ?? server.transport({ name: 'system:kube-controller-manager', groups: [] })),
    // As in the all-in-one: what a controller may not do must be seen here.
    ...(http ? {} : { transportAs: (account: string) => through(noting(server.transport(userOf(account)), refused)) }),
    ...world,
    clock: options.controllerClock ?? clock,
    config: {
      resources: server.resources,
      caPem: server.pki.caCertificate,
      signCertificate: (order) => server.pki.signRequest(order),
      signAccountToken: (order) => server.signAccountToken(order),
      clusterCidr: '10.64.0.0/16',
      ownKinds: (options.ownKinds?.definitions ?? []).map(({ metadata }) => metadata.name ?? ''),
      ...(options.controllers ? { controllers: options.controllers } : {}),
    },
  });
  const managing = new AbortController();
  const running = manager.run(managing.signal);
  await Promise.race([manager.ready, running]);
  const client = new Client(transport);
  return {
    server,
    manager,
    client,
    transport,
    signal: stopping.signal,
    until: (kind, ref, holds) => until(manager, kind, ref, holds),
    stop: async () => {
      managing.abort();
      await running;
      http?.close();
      stopping.abort();
      await serving;
      await backend.close();
      await rm(dataDir, { recursive: true });
      if (refused.length > 0) throw new Error(`controllers were refused what they need: ${refused.join('; ')}`);
    },
  };
}

function noting(transport: Transport, refused: string[]): Transport {
  return {
    watch: (request, signal) => transport.watch(request, signal),
    send: (request, signal) =>
      transport.send(request, signal).catch((error: unknown) => {
        // A namespace on its way out refuses new objects with the same reason.
        if (isStatus(error, 'Forbidden') && /cannot \w+ resource/.test(error.message)) refused.push(error.message);
        throw error;
      }),
  };
}

function userOf(account: string) {
  if (account.startsWith('system:')) return { name: account, groups: [] };
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:kube-system'];
  return { name: `system:serviceaccount:kube-system:${account}`, groups };
}

async function httpTransport({ pki, address }: ApiServer): Promise<HttpTransport> {
  const { certificate, privateKey } = await pki.clientCertificate(clientIdentities.admin);
  const connection = {
    server: `https://${address.host}:${address.port}`,
    ca: pki.caCertificate,
    cert: certificate,
    key: privateKey,
  };
  return createHttpTransport({ connection, clock: systemClock });
}

/** Waits on the controllers' own caches, which see every change. */
function until<T extends KubeObject>(
  manager: ControllerManager,
  kind: Kind<T>,
  { namespace, name }: ObjectRef,
  holds: (object: T | undefined) => boolean,
): Promise<T | undefined> {
  const key = namespace ? `${namespace}/${name}` : name;
  const cache = manager.caches.of(kind);
  return new Promise((resolve, reject) => {
    const cancelTimer = systemClock.after(timeoutMs, () => {
      cancel();
      reject(new Error(`${kind.kind} ${key} did not come about; it is ${JSON.stringify(cache.get(key))}`));
    });
    const cancel = cache.when(
      () => holds(cache.get(key)),
      () => {
        cancelTimer();
        resolve(cache.get(key));
      },
    );
  });
}

/** A node that is ready and has room, with nobody behind it. */
export function readyNode(name: string): Node {
  const size = { cpu: '32', memory: '64Gi', pods: '110' };
  const now = new Date().toISOString();
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    spec: {},
    status: {
      capacity: size,
      allocatable: size,
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Test', message: '', lastHeartbeatTime: now, lastTransitionTime: now },
      ],
    },
  };
}

/** Registers nodes, with their status. */
export async function addNodes(plane: ControlPlane, names: readonly string[]): Promise<void> {
  const { client, signal } = plane;
  for (const name of names) {
    await client.create(kinds.nodes, readyNode(name), { signal });
    // A patch: the controllers write to a new node at the same time.
    const { status } = readyNode(name);
    await client.patch(kinds.nodes, { name }, { status }, { signal, subresource: 'status' });
  }
}

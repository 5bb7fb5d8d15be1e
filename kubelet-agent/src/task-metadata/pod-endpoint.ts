/**
 * One address in a network namespace at which its processes reach this agent. The address is on the namespace's own loopback, so what is
 * asked never leaves it: no route, no other pod and no network policy has a part in it. Nothing of the namespace's ports is taken either:
 * the socket has a port of its own, and two rules show it as port 80. The rules change port numbers and nothing else, without tracking
 * connections, so that the pod's other traffic costs what it did before.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { type Host, KernelError, openListeningSocket } from '@slipway/cni';
import { tablePrefix } from '../network/cluster-network.ts';

export const metadataAddress = '169.254.170.2';
const shownPort = 80;
/** ECS reserves it on its instances, so no task counts on it; another one when somebody has it all the same. */
const preferredPort = 51679;
/** For each namespace: a client needs one or two. */
const connectionsMax = 64;

export interface EndpointPlace {
  /** Absent: the host's own namespace. */
  readonly netns: string | undefined;
  readonly clusterId: string;
}

export interface OpenEndpoint {
  /** Ends its connections too: each of them would keep the namespace. */
  close(): void;
}

/** Idempotent: what an earlier run of the agent left is taken over. Throws `KernelError`. */
export async function openEndpoint(
  { netns, clusterId }: EndpointPlace,
  { host, onConnection }: { readonly host: Host; readonly onConnection: (socket: Socket) => void },
  signal: AbortSignal,
): Promise<OpenEndpoint> {
  await addAddress({ netns, clusterId }, host, signal);
  const fd = openListeningSocket({ netns, address: metadataAddress, ports: [preferredPort, 0] });
  const connections = new Set<Socket>();
  // Half open, as an HTTP server's own: a client that has said all that it wants still reads its answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // The rules keep others away; this says so once more, from a place that no rule of the pod's own can get around.
    if (socket.remoteAddress !== metadataAddress) return void socket.destroy();
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    onConnection(socket);
  });
  server.maxConnections = connectionsMax;
  const close = () => {
    server.close();
    for (const socket of connections) socket.destroy();
  };
  try {
    const port = await listen(server, fd);
    await host.nft(portRules(`${tablePrefix(clusterId)}metadata`, port), { netns, signal });
  } catch (error) {
    close();
    throw error;
  }
  return { close };
}

async function listen(server: Server, fd: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ fd }, resolve);
  await promise;
  server.on('error', () => {}); // of single connections that could not be accepted: the client tries again
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** In place of those of an earlier run. */
export function portRules(table: string, port: number): string {
  return [
    `add table ip ${table}`,
    `delete table ip ${table}`,
    `add table ip ${table}`,
    // From this namespace only: a neighbour on a link could send to the address, too.
    `add chain ip ${table} input { type filter hook input priority -300; policy accept; }`,
    `add rule ip ${table} input iifname != "lo" ip daddr ${metadataAddress} drop`,
    `add chain ip ${table} output { type filter hook output priority -300; policy accept; }`,
    `add rule ip ${table} output ip daddr ${metadataAddress} tcp dport ${shownPort} tcp dport set ${port} notrack`,
    `add rule ip ${table} output ip saddr ${metadataAddress} tcp sport ${port} tcp sport set ${shownPort} notrack`,
    '',
  ].join('\n');
}

/** Of the host a link of ours, which goes with the cluster's other links; of a pod its loopback, which goes with the pod. */
async function addAddress({ netns, clusterId }: EndpointPlace, host: Host, signal: AbortSignal): Promise<void> {
  const link = netns === undefined ? `swm-${clusterId}` : 'lo';
  if (netns === undefined) await addHostLink(link, clusterId, host, signal);
  const address = `${metadataAddress}/32`;
  await host
    .link([{ step: 'addAddress', link, address, skipsDuplicateDetection: false }], { netns, signal })
    .catch(ignoreExisting);
}

async function addHostLink(name: string, clusterId: string, host: Host, signal: AbortSignal): Promise<void> {
  const add = (kind: 'dummy' | 'bridge') => host.link([{ step: 'addLoneLink', name, kind }], { signal });
  await add('dummy')
    .catch((error: unknown) => {
      if (error instanceof KernelError && error.isUnsupported) return add('bridge');
      throw error;
    })
    .catch(ignoreExisting);
  await host.link([{ step: 'setLink', name, isUp: true, alias: `slipway:${clusterId}/metadata` }], { signal });
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof KernelError && error.isExisting)) throw error;
}

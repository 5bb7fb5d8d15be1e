import { join } from 'node:path';
import { createKernelHost, createSysctlRecord, hostInterfaceName } from '@slipway/cni';
import type { Transport } from '@slipway/api/transport';
import type { Clock } from '@slipway/kit/clock';
import type { Exec } from '@slipway/kit/exec';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { BalancerAnnouncer } from './balancer/balancer-announcer.ts';
import type { NodeCaches } from './compose.ts';
import { type ClusterDns, createClusterDns } from './dns/compose-dns.ts';
import { dnsServiceRef } from './dns/ensure-dns-service.ts';
import { hostResolvers } from './dns/forward/host-resolvers.ts';
import { NetworkObjects } from './network/attachments/network-objects.ts';
import { type ApiRelayOptions, runApiRelay } from './network/api-relay.ts';
import { podInterface } from './network/cluster-network.ts';
import { ClusterOverlay, type OverlayCaches } from './network/overlay/cluster-overlay.ts';
import { watchOverlay } from './network/overlay/overlay-caches.ts';
import type { NetworkBackend, OverlaySettings } from './network/overlay/overlay-settings.ts';
import { defaultPodMtu } from './network/overlay/pod-mtu.ts';
import { PodNetwork } from './network/pod-network.ts';
import { type RemoveNetworkOptions, removeNetwork } from './network/remove-network.ts';
import { guardSandboxes, type PodProtection } from './policy/guarded-sandboxes.ts';
import { NetworkPolicies } from './policy/network-policies.ts';
import { SourceGuard } from './policy/source-guard.ts';
import { hostAddresses } from './node/machine-facts.ts';
import { HealthCheckPorts } from './proxy/health-check-ports.ts';
import { NodePortConflicts } from './proxy/node-port-conflicts.ts';
import { ServiceProxy } from './proxy/service-proxy.ts';
import type { SandboxNetwork } from './runtime/local/sandbox-network.ts';

export interface NodeNetworkSettings {
  readonly clusterId: string;
  readonly nodeName: string;
  readonly dataDir: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  /** The DNS server's address, as pods' resolv.conf names it; undefined = this node runs none. */
  readonly dnsIp: string | undefined;
  /** Set when the API server listens where pods cannot reach it: they reach it through this. */
  readonly apiRelay: ApiRelayOptions | undefined;
  readonly clusterDomain: string;
  /** The host's resolv.conf: where names outside the cluster are asked for. */
  readonly resolvConf: string;
  /** How pods of other nodes are reached, whatever the Network `default` says. */
  readonly networkBackend?: NetworkBackend | undefined;
  /** UDP port of VXLAN, the same on all nodes; IANA's when absent. */
  readonly dataPathPort?: number | undefined;
  /** Node ports are answered on the node's addresses in these networks only; on all, loopback too, when there are none. */
  readonly nodePortNetworks?: readonly string[];
  /** A user's own CNI configuration instead of the default one. */
  readonly conflistDirectory?: string;
  /** Folders of CNI executables for plugins that are not ours. */
  readonly binPath: readonly string[];
  /** Environment for such executables. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface NodeNetworkDeps {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Where the networks are looked up that pods ask for; without it they get the cluster network alone. */
  readonly transport?: Transport;
}

/** All networking of a node: interfaces of pods, rules of services, names. */
export interface NodeNetwork {
  /** For the local runtime. */
  readonly sandboxes: SandboxNetwork;
  /** Before the runtime starts: what an earlier run made is known again, without any API server. */
  start(signal: AbortSignal): Promise<void>;
  /** For the agent: the node has been given its addresses. */
  usePodCidr(podCidr: string, signal: AbortSignal): Promise<void>;
  /** For the agent: what runs along with it. */
  companions(caches: NodeCaches): readonly ((signal: AbortSignal) => Promise<void>)[];
  /** In the text format of Prometheus. */
  metrics(): string;
  /** Frees what sandboxes left that do not exist any more. */
  collectGarbage(sandboxIds: readonly string[], signal: AbortSignal): Promise<void>;
}

export function createNodeNetwork(settings: NodeNetworkSettings, deps: NodeNetworkDeps): NodeNetwork {
  const { clusterId, clusterCidr, serviceCidr, dnsIp, apiRelay, conflistDirectory, binPath, env } = settings;
  const { exec, log } = deps;
  const host = createKernelHost({ exec, record: createSysctlRecord(clusterId) });
  const ownServiceIps = [dnsIp, apiRelay?.listen.host].filter((ip) => ip !== undefined);
  const overlaySettings: OverlaySettings = {
    clusterId,
    nodeName: settings.nodeName,
    // Whoever brings a network of his own looks after the way to other nodes, too.
    backend: settings.networkBackend ?? (conflistDirectory === undefined ? undefined : 'none'),
    dataPathPort: settings.dataPathPort,
  };
  let overlayCaches: OverlayCaches | undefined;
  const podMtu = (signal: AbortSignal) =>
    defaultPodMtu(
      { ...deps, host, address: () => hostAddresses()[0], networks: overlayCaches?.networks },
      overlaySettings,
      signal,
    );
  const pods = new PodNetwork(
    { host, exec, log },
    {
      cluster: { clusterId, clusterCidr, serviceCidr, ownServiceIps },
      directory: networkDirectory(settings.dataDir),
      conflistDirectory,
      binPath,
      env,
      podMtu,
    },
  );
  if (deps.transport) pods.useObjects(new NetworkObjects(deps.transport, settings.nodeName));
  let protection: PodProtection | undefined;
  let dns: ClusterDns | undefined;
  const interfaceOf = (sandboxId: string) => hostInterfaceName(sandboxId, podInterface);
  return {
    sandboxes: guardSandboxes(pods, () => protection, interfaceOf),
    start: (signal) => pods.start(undefined, signal),
    usePodCidr: (podCidr, signal) => pods.usePodCidr(podCidr, signal),
    collectGarbage: (sandboxIds, signal) => pods.collectGarbage(sandboxIds, signal),
    metrics: () => dns?.metrics() ?? '',
    companions(caches) {
      const answeredHere = [
        ...(dnsIp ? [`${dnsServiceRef.namespace}/${dnsServiceRef.name}`] : []),
        ...(apiRelay ? ['default/kubernetes'] : []),
      ];
      const proxy = new ServiceProxy({ ...deps, ...caches, host }, { ...settings, answeredHere });
      const healthChecks = new HealthCheckPorts(caches, settings);
      const conflicts = new NodePortConflicts(caches, settings);
      const announcer = new BalancerAnnouncer({ ...deps, ...caches, host }, settings);
      const policies = new NetworkPolicies({ ...deps, ...caches, host }, settings);
      const sources = new SourceGuard({ ...deps, host }, settings);
      protection = { policies, sources };
      const watched = watchOverlay(caches.watch);
      overlayCaches = watched.caches;
      const overlay = new ClusterOverlay({ ...deps, ...watched.caches, host }, overlaySettings);
      const server = dnsIp ? clusterDns(dnsIp, settings, deps, caches) : undefined;
      dns = server;
      return [
        (signal) => pods.run(deps.clock, signal),
        (signal) => proxy.run(signal),
        (signal) => announcer.run(signal),
        (signal) => healthChecks.run(signal),
        (signal) => conflicts.run(signal),
        (signal) => policies.run(signal),
        (signal) => sources.run(signal),
        ...watched.runs,
        (signal) => overlay.run(signal),
        ...(server ? [(signal: AbortSignal) => server.run(signal)] : []),
        ...(apiRelay ? [(signal: AbortSignal) => runApiRelay(apiRelay, deps, signal)] : []),
      ];
    },
  };
}

/** What `slipway down` calls. */
export function removeNodeNetwork(
  { clusterId, dataDir }: Pick<NodeNetworkSettings, 'clusterId' | 'dataDir'>,
  { exec, signal }: { readonly exec: Exec; readonly signal: AbortSignal },
): Promise<void> {
  const record = createSysctlRecord(clusterId);
  const host: RemoveNetworkOptions['host'] = createKernelHost({ exec });
  return removeNetwork({ clusterId, directory: networkDirectory(dataDir), host, record, signal });
}

function networkDirectory(dataDir: string): string {
  return join(dataDir, 'network');
}

function clusterDns(
  dnsIp: string,
  settings: NodeNetworkSettings,
  deps: NodeNetworkDeps,
  caches: NodeCaches,
): ClusterDns {
  return createClusterDns(
    {
      ...deps,
      ...caches,
      hostResolvers: hostResolvers(settings.resolvConf, [dnsIp], deps.clock),
    },
    {
      address: dnsIp,
      port: 53,
      clusterDomain: settings.clusterDomain,
      ownNetworks: [settings.clusterCidr, settings.serviceCidr],
      knownNamesPath: join(networkDirectory(settings.dataDir), 'known-names.json'),
    },
  );
}

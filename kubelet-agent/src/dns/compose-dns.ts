import type { ConfigMap, EndpointSlice, Namespace, Pod, Service } from '@slipway/api/types';
import { type CacheReader, ObjectCache } from '@slipway/client/cache';
import { kinds } from '@slipway/client/kinds';
import { parseNetwork } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { StartWatch } from '../node/start-watch.ts';
import { DnsMetrics } from './dns-metrics.ts';
import { DnsServer, type DnsServerOptions } from './dns-server.ts';
import { noSettings, parseDnsSettings, settingsName, stubServersFor } from './forward/dns-settings.ts';
import type { Upstream } from './forward/exchange.ts';
import { ForeignNames } from './forward/foreign-names.ts';
import { createForwarder } from './forward/forwarder.ts';
import { LoopGuard } from './forward/loop-guard.ts';
import { createQueryHandler, type QueryHandler } from './query-handler.ts';
import type { ClusterView } from './zone/cluster-view.ts';
import { NetworkAliases } from './zone/network-aliases.ts';
import { RememberedServices } from './zone/remembered-services.ts';
import { ServiceDirectory, type ServiceView } from './zone/service-directory.ts';

export interface ClusterDnsSettings extends DnsServerOptions {
  /** `cluster.local` */
  readonly clusterDomain: string;
  /** Of pods and of services: reverse names inside are not asked for elsewhere. */
  readonly ownNetworks: readonly string[];
  /** File for what is answered when the agent starts while the API server is away; absent = nothing is. */
  readonly knownNamesPath?: string;
}

export interface ClusterDnsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The node's own resolvers. */
  readonly hostResolvers: () => Promise<readonly Upstream[]>;
  readonly services: CacheReader<Service>;
  readonly endpointSlices: CacheReader<EndpointSlice>;
  /** This node's own. */
  readonly pods: CacheReader<Pod>;
  /** For namespaces, and what users set; absent = a namespace is known by its services, and nothing is set. */
  readonly watch?: StartWatch;
}

export interface ClusterDns {
  /** Resolves when it listens. */
  readonly ready: Promise<{ readonly port: number }>;
  readonly handle: QueryHandler;
  /** In the text format of Prometheus. */
  metrics(): string;
  run(signal: AbortSignal): Promise<void>;
}

type Run = (signal: AbortSignal) => Promise<void>;

/** The DNS server of one node. */
export function createClusterDns(deps: ClusterDnsDeps, settings: ClusterDnsSettings): ClusterDns {
  const { clock, log, watch, hostResolvers } = deps;
  const { clusterDomain, ownNetworks, address, knownNamesPath } = settings;
  const runs: Run[] = [];
  const namespaces = watch && new ObjectCache<Namespace>();
  if (watch && namespaces) runs.push(watch({ kind: kinds.namespaces, cache: namespaces, project: nameOnly }));
  const directory = new ServiceDirectory({ ...deps, ...(namespaces ? { namespaces } : {}) }, clock);
  const remembered = knownNamesPath && new RememberedServices(directory, { path: knownNamesPath, clock, log });
  if (remembered) runs.push((signal) => remembered.run(signal));

  const metrics = new DnsMetrics(clusterDomain);
  const guard = new LoopGuard(deps);
  let set = noSettings;
  const upstreamsFor = async (name: string) =>
    stubServersFor(name, set) ?? (set.upstreams.length > 0 ? set.upstreams : hostResolvers());
  const forwarder = createForwarder({ ...deps, upstreamsFor, guard, observe: metrics.exchanged });
  const foreignNames = new ForeignNames(forwarder, clock);
  const useSettings = (config: ConfigMap | undefined) => {
    const { settings: parsed, problems } = parseDnsSettings(config);
    for (const problem of problems) log.warn({ problem }, `ConfigMap kube-system/${settingsName}`);
    set = parsed;
    foreignNames.forget();
  };
  if (watch) runs.push(followSettings(watch, useSettings));

  const view = clusterView(remembered || directory, new NetworkAliases(deps.endpointSlices, deps.pods));
  const zone = { domain: clusterDomain, dnsIp: address, ownNetworks: ownNetworks.map(parseNetwork) };
  const handle = createQueryHandler({ ...deps, view, foreignNames, guard, told: metrics.answered }, zone);
  const server = new DnsServer({ ...deps, handle }, settings);
  runs.push((signal) => server.run(signal));
  return {
    ready: server.ready,
    handle,
    metrics: () => metrics.text(foreignNames.cachedCount),
    run: async (signal) => {
      await Promise.all(runs.map((run) => run(signal)));
    },
  };
}

/** All that is kept of a namespace. */
function nameOnly({ apiVersion, kind, metadata: { name = '', resourceVersion = '' } }: Namespace): Namespace {
  return { apiVersion, kind, metadata: { name, resourceVersion }, spec: {} };
}

function followSettings(watch: StartWatch, use: (config: ConfigMap | undefined) => void): Run {
  const cache = new ObjectCache<ConfigMap>();
  cache.subscribe(() => use(cache.get(`kube-system/${settingsName}`)));
  const fieldSelector = `metadata.name=${settingsName}`;
  return watch({ kind: kinds.configMaps, cache, namespace: 'kube-system', fieldSelector });
}

function clusterView(services: ServiceView, aliases: NetworkAliases): ClusterView {
  return {
    get isReady() {
      return services.isReady;
    },
    get serial() {
      return services.serial;
    },
    hasNamespace: (namespace) => services.hasNamespace(namespace),
    service: (namespace, name) => services.service(namespace, name),
    endpoints: (namespace, name) => services.endpoints(namespace, name),
    servicesWithIp: (address) => services.servicesWithIp(address),
    endpointsWithIp: (address) => services.endpointsWithIp(address),
    networksOf: (source) => aliases.networksOf(source),
    aliasAddresses: (network, alias) => aliases.aliasAddresses(network, alias),
    aliasesWithIp: (address) => aliases.aliasesWithIp(address),
  };
}

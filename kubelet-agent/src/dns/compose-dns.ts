import { parseNetwork } from '@slipway/cni';
import type { EndpointSlice, Pod } from '@slipway/api/types';
import type { CacheReader } from '@slipway/client/cache';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { DnsMetrics } from './dns-metrics.ts';
import { DnsServer, type DnsServerOptions } from './dns-server.ts';
import { ForeignNames } from './forward/foreign-names.ts';
import { createForwarder, type ForwarderDeps } from './forward/forwarder.ts';
import { LoopGuard } from './forward/loop-guard.ts';
import { createQueryHandler, type QueryHandler } from './query-handler.ts';
import type { ClusterView } from './zone/cluster-view.ts';
import { NetworkAliases } from './zone/network-aliases.ts';
import type { ServiceView } from './zone/service-directory.ts';

export interface ClusterDnsSettings extends DnsServerOptions {
  /** `cluster.local` */
  readonly clusterDomain: string;
  /** Of pods and of services: reverse names inside are not asked for elsewhere. */
  readonly ownNetworks: readonly string[];
}

export interface ClusterDnsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly upstreamsFor: ForwarderDeps['upstreamsFor'];
  readonly services: ServiceView;
  readonly endpointSlices: CacheReader<EndpointSlice>;
  /** This node's own. */
  readonly pods: CacheReader<Pod>;
}

export interface ClusterDns {
  readonly server: DnsServer;
  readonly handle: QueryHandler;
  /** In the text format of Prometheus. */
  metrics(): string;
}

/** The DNS server of one node. */
export function createClusterDns(deps: ClusterDnsDeps, settings: ClusterDnsSettings): ClusterDns {
  const { clock, upstreamsFor } = deps;
  const { clusterDomain, ownNetworks, address } = settings;
  const metrics = new DnsMetrics(clusterDomain);
  const guard = new LoopGuard(deps);
  const forwarder = createForwarder({ ...deps, upstreamsFor, guard, observe: metrics.exchanged });
  const foreignNames = new ForeignNames(forwarder, clock);
  const view = clusterView(deps.services, new NetworkAliases(deps.endpointSlices, deps.pods));
  const zone = { domain: clusterDomain, dnsIp: address, ownNetworks: ownNetworks.map(parseNetwork) };
  const handle = createQueryHandler({ ...deps, view, foreignNames, guard, told: metrics.answered }, zone);
  return {
    handle,
    server: new DnsServer({ ...deps, handle }, settings),
    metrics: () => metrics.text(foreignNames.cachedCount),
  };
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

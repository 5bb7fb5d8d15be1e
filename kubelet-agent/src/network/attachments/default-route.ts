/** Pure: `ip` lines that lead a pod's default route over another interface than the one of the cluster network. */
import { isIPv6 } from 'node:net';
import type { CniResult } from '@slipway/cni';

export interface DefaultRouteWish {
  readonly ifName: string;
  readonly gateways: readonly string[];
  /** Of the interface that had the default route: by its gateway the pod still reaches these networks. */
  readonly former:
    | { readonly ifName: string; readonly result: CniResult; readonly networks: readonly string[] }
    | undefined;
}

export function defaultRouteLines({ ifName, gateways, former }: DefaultRouteWish): readonly string[] {
  return gateways.flatMap((gateway) => {
    const family = isIPv6(gateway);
    const kept = (former?.networks ?? []).filter((network) => network.includes(':') === family);
    const way = former?.result.ips.find((ip) => ip.gateway !== undefined && isIPv6(ip.gateway) === family)?.gateway;
    return [
      ...(way ? kept.map((network) => `route replace ${network} via ${way} dev ${former?.ifName} onlink`) : []),
      // One of the same metric is there, perhaps; IPv6 would keep both.
      ...(former && way ? [`route del default via ${way} dev ${former.ifName}`] : []),
      `route add default via ${gateway} dev ${ifName}`,
    ];
  });
}

import { parseIp } from '@slipway/api/ip-address';
import type { Service } from '@slipway/api/types';

/** Names of nodes by rank, comma-separated; the controller `load-balancer` writes it. */
export const announcersAnnotation = 'slipway.dev/announced-by';

/** What a node has to do for an address of a load balancer. */
export interface Duty {
  readonly address: string;
  /** 0 answers for it; the others stand by. */
  readonly rank: number;
  /** The nodes before this one, as in the annotation: addresses with the same ones are lost together. */
  readonly ahead: string;
}

/** Pure: what a node has to do for a service. */
export function dutiesOf({ metadata, spec, status }: Service, nodeName: string): readonly Duty[] {
  const names = metadata.annotations?.[announcersAnnotation]?.split(',') ?? [];
  const rank = names.indexOf(nodeName);
  if (rank < 0 || spec.type !== 'LoadBalancer') return [];
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
    ip && parseIp(ip) && ipMode !== 'Proxy' ? [{ address: ip, rank, ahead: names.slice(0, rank).join(',') }] : [],
  );
}

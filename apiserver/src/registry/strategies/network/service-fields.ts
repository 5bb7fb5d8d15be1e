/**
 * Clients write back what they read, often in part and often with another type. These rules decide what a field that was left out, or left
 * as it was, means: as upstream's, so that `kubectl apply` and `kubectl replace` of one manifest mean the same.
 */
import {
  isExternallyAccessible,
  needsClusterIp,
  needsHealthCheckPort,
  needsNodePort,
} from '@slipway/api/defaults/service';
import type { ServiceSpec } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';

/** `clusterIP` is the old, single form of `clusterIPs`. */
export function pairClusterIps(spec: ServiceSpec): void {
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
}

export function pairClusterIpsWithOld(spec: ServiceSpec, old: ServiceSpec): void {
  const [now = '', before = ''] = [spec.clusterIP, old.clusterIP];
  if (before !== '' && now === before && !spec.clusterIPs?.length) spec.clusterIPs = old.clusterIPs;
  if (now === before || !semanticEqual(spec.clusterIPs, old.clusterIPs)) {
    if (before === '') pairClusterIps(spec);
    return;
  }
  if (now === '') delete spec.clusterIPs;
  else spec.clusterIPs = [now];
}

/** What was given out stays with the Service when the client did not send it back. */
export function keepAllocated(spec: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(spec) && needsClusterIp(old)) {
    if (old.clusterIP) spec.clusterIP ||= old.clusterIP;
    if (!spec.clusterIPs?.length && old.clusterIPs && spec.clusterIP === old.clusterIP)
      spec.clusterIPs = old.clusterIPs;
  }
  if (needsNodePort(spec) && needsNodePort(old)) keepNodePorts(spec, old);
  if (needsHealthCheckPort(spec) && old.healthCheckNodePort) spec.healthCheckNodePort ||= old.healthCheckNodePort;
}

function keepNodePorts(spec: ServiceSpec, old: ServiceSpec): void {
  const used = new Set(spec.ports?.map(({ nodePort }) => nodePort));
  for (const port of spec.ports ?? []) {
    if (port.nodePort) continue;
    const before = old.ports?.find((other) => other.protocol === port.protocol && other.port === port.port)?.nodePort;
    if (!before || used.has(before)) continue;
    port.nodePort = before;
    used.add(before);
  }
}

/** What the new type has no use for goes, unless the client set it anew: then validation speaks. */
export function dropUnneeded(spec: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    dropSame(spec, old, ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy']);
  }
  if (needsNodePort(old) && !needsNodePort(spec)) dropNodePorts(spec, old);
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(spec)) dropSame(spec, old, ['healthCheckNodePort']);
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    dropSame(spec, old, ['allocateLoadBalancerNodePorts', 'loadBalancerClass']);
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(spec)) dropSame(spec, old, ['externalTrafficPolicy']);
  if (old.type === 'ExternalName' && spec.type !== 'ExternalName') dropSame(spec, old, ['externalName']);
}

function dropSame(spec: ServiceSpec, old: ServiceSpec, fields: readonly (keyof ServiceSpec)[]): void {
  for (const field of fields) if (semanticEqual(spec[field], old[field])) delete spec[field];
}

function dropNodePorts(spec: ServiceSpec, old: ServiceSpec): void {
  const portsOf = (ports: ServiceSpec['ports']) => ports?.map(({ nodePort }) => nodePort ?? 0).sort();
  if (!semanticEqual(portsOf(spec.ports), portsOf(old.ports))) return;
  for (const port of spec.ports ?? []) delete port.nodePort;
}

import { type Quantity, quantityFromValue } from '../quantity.ts';
import type { Service } from '../types.ts';
import { one, type Usage, zero } from './usage.ts';

const names = ['count/services', 'services', 'services.nodeports', 'services.loadbalancers'];

export function coversServices(name: string): boolean {
  return names.includes(name);
}

/** A node port is counted with each port of the service that has one. */
export function serviceUsage({ spec }: Service): Usage {
  const ports = spec.ports ?? [];
  const usage = new Map<string, Quantity>(names.map((name) => [name, zero]));
  usage.set('count/services', one);
  usage.set('services', one);
  const { type } = spec;
  if (type === 'LoadBalancer') usage.set('services.loadbalancers', one);
  if (type === 'NodePort' || (type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)) {
    usage.set('services.nodeports', quantityFromValue(BigInt(ports.length), 'DecimalSI'));
  } else if (type === 'LoadBalancer') {
    const taken = ports.filter(({ nodePort }) => nodePort).length;
    usage.set('services.nodeports', quantityFromValue(BigInt(taken), 'DecimalSI'));
  }
  return usage;
}

import type { EndpointSlice, Service } from '@slipway/api/types';

/** Objects for tests, with what matters in sight. */
export function aService(options: {
  readonly name?: string;
  readonly clusterIp: string;
  readonly port?: number;
  readonly nodePort?: number;
  readonly protocol?: string;
  readonly spec?: Partial<Service['spec']>;
}): Service {
  const { name = 'web', clusterIp, port = 80, nodePort, protocol = 'TCP', spec } = options;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      type: nodePort ? 'NodePort' : 'ClusterIP',
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ports: [{ port, protocol, ...(nodePort ? { nodePort } : {}) }],
      selector: { app: name },
      ...spec,
    },
  };
}

export function aSlice(options: {
  readonly name?: string;
  readonly service?: string;
  readonly addresses: readonly string[];
  readonly port?: number;
  readonly protocol?: string;
  readonly nodeName?: string | undefined;
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly version?: bigint;
}): EndpointSlice {
  const {
    service = 'web',
    name = `${service}-1`,
    addresses,
    port = 8080,
    protocol = 'TCP',
    nodeName,
    conditions,
  } = options;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: String(options.version ?? 1n),
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: addresses[0]?.includes(':') ? 'IPv6' : 'IPv4',
    ports: [{ port, protocol }],
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true, ...conditions },
      ...(nodeName === undefined ? {} : { nodeName }),
    })),
  };
}

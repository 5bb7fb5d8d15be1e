import { formatIp, parseIp } from '@slipway/api/ip-address';
import type { Labels } from '@slipway/api/selector';
import type { Container, Pod } from '@slipway/api/types';

export interface NamedPort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

/** What policies want to know of a pod. */
export interface PeerPod {
  readonly namespace: string;
  readonly labels: Labels;
  /** In the form that the kernel prints. */
  readonly ips: readonly string[];
  readonly ports: readonly NamedPort[];
}

/**
 * Undefined for a pod that no policy selects and no selector means: one that has ended, or one on the node's own network, whose
 * packets are the node's.
 */
export function peerPodFrom(pod: Pod): PeerPod | undefined {
  const { phase } = pod.status ?? {};
  if (pod.spec.hostNetwork || phase === 'Succeeded' || phase === 'Failed') return undefined;
  return {
    namespace: pod.metadata.namespace ?? '',
    labels: pod.metadata.labels ?? {},
    ips: addressesOf(pod),
    ports: namedPorts(pod),
  };
}

function addressesOf({ status }: Pod): readonly string[] {
  const listed = status?.podIPs?.flatMap(({ ip }) => ip ?? []) ?? [];
  const texts = listed.length > 0 ? listed : status?.podIP ? [status.podIP] : [];
  return canonicalAddresses(texts);
}

export function canonicalAddresses(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => {
    const address = parseIp(text);
    return address ? [formatIp(address)] : [];
  });
}

/** Of containers that run as long as the pod does. */
function namedPorts({ spec }: Pod): readonly NamedPort[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...sidecars, ...spec.containers].flatMap(({ ports = [] }) =>
    ports.flatMap(({ name, protocol = 'TCP', containerPort }) =>
      name ? [{ name, protocol, port: containerPort }] : [],
    ),
  );
}

/** As much of a pod as `peerPodFrom` reads: other pods' commands, variables and volumes are not kept. */
export function projectPod({ metadata, spec, status }: Pod): Pod {
  const { namespace = '', name = '', resourceVersion = '', labels } = metadata;
  const { podIP, podIPs, phase } = status ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, resourceVersion, ...(labels ? { labels } : {}) },
    spec: {
      ...(spec.hostNetwork ? { hostNetwork: true } : {}),
      containers: portsOnly(spec.containers),
      ...(spec.initContainers ? { initContainers: portsOnly(spec.initContainers) } : {}),
    },
    status: { ...(phase ? { phase } : {}), ...(podIP ? { podIP } : {}), ...(podIPs ? { podIPs } : {}) },
  };
}

const noContainers: Container[] = [];

function portsOnly(containers: readonly Container[]): Container[] {
  const named = containers.filter(({ ports }) => ports?.some(({ name }) => name));
  if (named.length === 0) return noContainers;
  return named.map(({ name, ports = [], restartPolicy }) => ({
    name,
    ports,
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  }));
}

import { parseQuantity } from '@slipway/api/quantity';
import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from '@slipway/api/types';

/** What a pod may know of itself and of its node, for the environment and for downward API volumes. */
export interface PodFacts {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  /** By resource name, as quantities: the limit of a container that sets none. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** A reference that cannot be resolved; the message is for the container's status. */
export class FieldReferenceError extends Error {
  override readonly name = 'FieldReferenceError';
}

const subscripted = /^metadata\.(labels|annotations)\['(.+)'\]$/;

export function resolveField({ fieldPath }: ObjectFieldSelector, facts: PodFacts): string {
  const { pod, podIps, hostIps } = facts;
  const { metadata, spec } = pod;
  const match = subscripted.exec(fieldPath);
  if (match) return (match[1] === 'labels' ? metadata.labels : metadata.annotations)?.[match[2] ?? ''] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return hostIps[0] ?? '';
    case 'status.hostIPs':
      return hostIps.join(',');
    case 'status.podIP':
      return podIps[0] ?? '';
    case 'status.podIPs':
      return podIps.join(',');
    default:
      throw new FieldReferenceError(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** `key="value"` lines in the order of the keys, values quoted as Go quotes them. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  const lines = Object.entries(map ?? {}).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return lines.sort().join('\n');
}

/** `own` is the container that asks, when the reference names none. Whole numbers of the divisor, rounded up. */
export function resolveResource(selector: ResourceFieldSelector, own: Container | undefined, facts: PodFacts): string {
  const container = selector.containerName ? containerNamed(facts.pod, selector.containerName) : own;
  if (!container) throw new FieldReferenceError(`container ${selector.containerName ?? ''} not found`);
  const [kind, ...rest] = selector.resource.split('.');
  const resource = rest.join('.');
  const limits = container.resources?.limits?.[resource];
  const requests = container.resources?.requests?.[resource];
  if (kind !== 'limits' && kind !== 'requests') {
    throw new FieldReferenceError(`unsupported container resource : ${selector.resource}`);
  }
  const amount = kind === 'limits' ? (limits ?? facts.allocatable[resource] ?? '0') : (requests ?? '0');
  const divisor = parseQuantity(selector.divisor && selector.divisor !== '0' ? selector.divisor : '1').nanos;
  const value = parseQuantity(amount).nanos;
  return String((value + divisor - 1n) / divisor);
}

function containerNamed(pod: Pod, name: string): Container | undefined {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((container) => container.name === name);
}

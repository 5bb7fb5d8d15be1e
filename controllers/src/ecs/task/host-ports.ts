import type { PortMapping } from '@slipway/api/ecs/generated/types';
import type { Pod } from '@slipway/api/types';

/** From where Linux gives out ports by itself, as ECS does: nobody may rely on one of them. */
const dynamic = { first: 32_768, count: 28_232 } as const;

/**
 * The port of the node that leads to a container: the one asked for; else one that no pod has anywhere, so that any node will do. It follows
 * from the task and the ports that are taken, the same in each look until the pod is made. Undefined when all are taken.
 */
export function hostPortFor(mapping: PortMapping, seed: string, taken: ReadonlySet<number>): number | undefined {
  if (mapping.hostPort) return mapping.hostPort;
  const start = hashOf(`${seed} ${mapping.containerPort} ${mapping.protocol ?? 'tcp'}`) % dynamic.count;
  for (let i = 0; i < dynamic.count; i++) {
    const port = dynamic.first + ((start + i) % dynamic.count);
    if (!taken.has(port)) return port;
  }
  return undefined;
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** For an index over pods: all under one key. */
export const hostPortIndex = 'pods-with-dynamic-host-ports';
export const hostPortKey = 'any';

export function hasDynamicHostPort({ spec }: Pod): readonly string[] {
  const has = spec.containers.some(({ ports }) => ports?.some(({ hostPort = 0 }) => hostPort >= dynamic.first));
  return has ? [hostPortKey] : [];
}

export function hostPortsOf(pods: readonly Pod[]): ReadonlySet<number> {
  return new Set(
    pods.flatMap(({ spec }) =>
      spec.containers.flatMap(({ ports = [] }) => ports.flatMap(({ hostPort }) => hostPort ?? [])),
    ),
  );
}

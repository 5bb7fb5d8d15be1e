import type { Node, Pod, Service } from '@slipway/api/types';
import { isTerminal } from '../parts/pod-on-node.ts';
import type { Checker } from './checker.ts';

/** Addresses, networks and ports belong to one at a time; and a pod's name to one set of running containers. */
export function identities(): Checker {
  return {
    name: 'identities',
    changed: ({ resource, type, revision }, { ledger }) => {
      if (type === 'delete') return undefined;
      if (resource === 'core/services') return doubly(ledger.list<Service>('core/services'), serviceClaims, revision);
      if (resource === 'core/nodes') return doubly(ledger.list<Node>('core/nodes'), nodeClaims, revision);
      return undefined;
    },
    started: (node, sandbox, world) => {
      for (const other of world.nodes) {
        for (const { uid, ip, key } of other.sandboxes.all()) {
          if (uid === sandbox.uid) continue;
          if (ip === sandbox.ip)
            return `${sandbox.key} on ${node} runs with ${ip}, and so does ${key} on ${other.name}`;
          if (key === sandbox.key) return `${key} runs on ${node} and, as another pod, on ${other.name}`;
        }
      }
      return undefined;
    },
    settled: async ({ ledger }) =>
      doubly(
        ledger.list<Pod>('core/pods').filter((pod) => !isTerminal(pod)),
        ({ status }) => (status?.podIP ? [status.podIP] : []),
        ledger.head,
      ),
  };
}

function serviceClaims({ spec }: Service): string[] {
  const address = spec.clusterIP && spec.clusterIP !== 'None' ? [spec.clusterIP] : [];
  const ports = (spec.ports ?? []).flatMap(({ nodePort, protocol = 'TCP' }) =>
    nodePort ? [`${protocol} ${nodePort}`] : [],
  );
  return [...address, ...ports];
}

function nodeClaims({ spec }: Node): string[] {
  return spec?.podCIDR ? [spec.podCIDR] : [];
}

function doubly<T extends { readonly metadata: { readonly namespace?: string; readonly name?: string } }>(
  objects: readonly T[],
  claims: (object: T) => readonly string[],
  revision: number,
): string | undefined {
  const owners = new Map<string, string>();
  for (const object of objects) {
    const name = [object.metadata.namespace, object.metadata.name].filter(Boolean).join('/');
    for (const claim of claims(object)) {
      const other = owners.get(claim);
      if (other) return `${claim} is given to ${other} and to ${name} at revision ${revision}`;
      owners.set(claim, name);
    }
  }
  return undefined;
}

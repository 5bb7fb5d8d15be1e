import type { Node, Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { aNode, aPod } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { nodeMoves } from '../../testing/laws/node-moves.ts';

const { nodes, pods, leases } = kinds;

export const nodeLifecycleLaws: ControllerLaws = {
  controller: 'node-lifecycle',
  primary: nodes,
  start(server) {
    for (const name of ['n0', 'n1', 'n2', 'n3']) {
      server.put(nodes, aNode(name, 'True'));
      server.put(pods, aPod({ name: `on-${name}`, node: name, ready: true }));
      renew(server, name);
    }
  },
  moves: {
    ...nodeMoves,
    'a lease is renewed': (server, dice) => renew(server, pick(server.list(nodes), dice)?.metadata.name ?? 'n0'),
    'a node is closed or opened': (server, dice) => {
      const node = pick(server.list(nodes), dice);
      if (node) server.put(nodes, { ...node, spec: { ...node.spec, unschedulable: dice % 2 === 0 } });
    },
    'a node gets a taint of somebody': (server, dice) => {
      const node = pick(server.list(nodes), dice);
      const taints = [...(node?.spec.taints ?? []), { key: `mine-${dice % 5}`, effect: 'NoSchedule' }];
      if (node) server.put(nodes, { ...node, spec: { ...node.spec, taints } });
    },
  },
  mayWrite: ({ kindId, subresource, before, after }, server) => {
    if (kindId === 'nodes') return before?.metadata.uid === after?.metadata.uid;
    return kindId === 'pods' && subresource === 'status' && !isReady(server, (before as Pod).spec.nodeName ?? '');
  },
  never: ({ kindId, before, after }) => {
    if (kindId !== 'nodes') return undefined;
    const gone = foreignTaints(before as Node).filter((key) => !foreignTaints(after as Node).includes(key));
    return gone.length > 0 ? `the taints ${gone} are not its own` : undefined;
  },
  atRest(server) {
    for (const node of server.list(nodes)) {
      const keys = (node.spec.taints ?? []).map(({ key, effect }) => `${key.split('/')[1]}:${effect}`);
      const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
      if (ready === 'True' && keys.some((key) => /^(not-ready|unreachable)/.test(key)))
        return `${keyOf(node)}: ${keys}`;
      if (ready === 'Unknown' && !keys.includes('unreachable:NoSchedule')) return `${keyOf(node)}: ${keys}`;
      if (node.spec.unschedulable && !keys.includes('unschedulable:NoSchedule')) return `${keyOf(node)}: ${keys}`;
    }
    return undefined;
  },
};

function renew(server: MemoryServer, name: string): void {
  server.put(leases, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace: 'kube-node-lease', name },
    spec: { renewTime: formatTime(server.nowMs), holderIdentity: name },
  });
}

function isReady(server: MemoryServer, name: string): boolean {
  const conditions = server.get(nodes, name)?.status?.conditions;
  return conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

function foreignTaints({ spec }: Node): string[] {
  return (spec.taints ?? []).map(({ key }) => key).filter((key) => key.startsWith('mine'));
}

import type { DaemonSet, Node, Pod, ResourceQuota } from '@slipway/api/types';
import type { Ledger } from '../ledger.ts';
import { isTerminal } from '../parts/pod-on-node.ts';
import type { Checker } from './checker.ts';
import { isControlledBy, isReady } from './replicas.ts';

/** Every node has one ready pod of each DaemonSet, of the newest template, and the status says so. */
export function daemons(): Checker {
  return {
    name: 'daemons',
    settled: async ({ ledger }) => {
      const limited = ledger.list<ResourceQuota>('core/resourcequotas').map(({ metadata }) => metadata.namespace);
      const nodes = ledger.list<Node>('core/nodes').map(({ metadata }) => metadata.name ?? '');
      for (const set of ledger.list<DaemonSet>('apps/daemonsets')) {
        if (limited.includes(set.metadata.namespace)) continue;
        const wrong = wrongWith(set, nodes, ledger);
        if (wrong) return `daemon set ${set.metadata.namespace}/${set.metadata.name}: ${wrong}`;
      }
      return undefined;
    },
  };
}

function wrongWith(set: DaemonSet, nodes: readonly string[], ledger: Ledger): string | undefined {
  const pods = ledger
    .list<Pod>('core/pods')
    .filter((pod) => !isTerminal(pod) && !pod.metadata.deletionTimestamp && isControlledBy(pod, set));
  const image = set.spec.template.spec?.containers[0]?.image;
  for (const node of nodes) {
    const here = pods.filter(({ spec }) => spec.nodeName === node);
    if (here.length !== 1) return `${here.length} pods on ${node}`;
    if (here.some((pod) => !isReady(pod))) return `its pod on ${node} is not ready`;
    if (here.some(({ spec }) => spec.containers[0]?.image !== image))
      return `its pod on ${node} is of an older template`;
  }
  const { numberReady, updatedNumberScheduled = 0 } = set.status ?? { numberReady: 0 };
  if (numberReady !== nodes.length) return `the status says ${numberReady} ready pods on ${nodes.length} nodes`;
  if (updatedNumberScheduled !== nodes.length) return `the status says ${updatedNumberScheduled} new pods`;
  return undefined;
}

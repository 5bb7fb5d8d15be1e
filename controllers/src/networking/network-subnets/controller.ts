import type { Network, NetworkSubnet } from '@slipway/api/networks/network-types';
import type { Node } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { indexOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import type { Plan } from '../../runtime/step.ts';

export interface ObservedSubnet {
  readonly subnet: NetworkSubnet;
  readonly network: Network | undefined;
  readonly node: Node | undefined;
  /** What is missing of the two is not there: the view of its kind is as young as the block. */
  readonly isCertain: boolean;
}

const networkIndex = 'blocks-of-network';
const nodeIndex = 'blocks-of-node';
/** A view that is behind catches up; where nothing happens, the server says so once a minute. */
const againMs = 1_000;
const certainAfterMs = 90_000;

/** Takes away blocks of addresses whose node or Network is gone. */
export const networkSubnetsController = definitionFrom({
  name: 'network-subnets',
  component: 'networks-controller',
  account: 'networks-controller',
  primary: kinds.networkSubnets,
  triggers: [
    {
      on: kinds.networks,
      changes: ({ after, before }, caches) =>
        after ? [] : caches.byIndex(kinds.networkSubnets, networkIndex, before?.metadata.name ?? '').map(nameOf),
    },
    {
      on: kinds.nodes,
      changes: ({ after, before }, caches) =>
        after ? [] : caches.byIndex(kinds.networkSubnets, nodeIndex, before?.metadata.name ?? '').map(nameOf),
    },
  ],
  indexes: [
    indexOn(kinds.networkSubnets, networkIndex, ({ spec }) => [spec.network]),
    indexOn(kinds.networkSubnets, nodeIndex, ({ spec }) => [spec.nodeName]),
  ],
  observe: observeSubnet,
  plan: planSubnet,
});

function observeSubnet(key: ObjectKey, caches: Caches): ObservedSubnet | undefined {
  const subnet = caches.get(kinds.networkSubnets, key);
  if (!subnet) return undefined;
  const version = BigInt(subnet.metadata.resourceVersion ?? '0');
  const network = caches.get(kinds.networks, subnet.spec.network);
  const node = caches.get(kinds.nodes, subnet.spec.nodeName);
  const { resourceVersion } = network ? caches.of(kinds.nodes) : caches.of(kinds.networks);
  return { subnet, network, node, isCertain: resourceVersion >= version };
}

export function planSubnet({ subnet, network, node, isCertain }: ObservedSubnet, nowMs: number): Plan {
  if ((network && node) || subnet.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const ageMs = nowMs - Date.parse(subnet.metadata.creationTimestamp ?? '');
  if (!isCertain && !(ageMs > certainAfterMs)) return { steps: [], status: 'unchanged', again: { afterMs: againMs } };
  return { steps: [{ op: 'delete', kind: kinds.networkSubnets, target: subnet }], status: 'unchanged' };
}

function nameOf({ metadata }: NetworkSubnet): string {
  return metadata.name ?? '';
}

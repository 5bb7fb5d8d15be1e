import type { Network, NetworkAddress } from '@slipway/api/networks/network-types';
import type { Pod } from '@slipway/api/types';
import { keyOf, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { indexOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import type { Plan } from '../../runtime/step.ts';
import { isPodFinished } from '../../workloads/pod-readiness.ts';

export interface ObservedAddress {
  readonly address: NetworkAddress;
  readonly network: Network | undefined;
  /** What has the name of its pod. */
  readonly pod: Pod | undefined;
  /** What is missing of the two is not there: the view of its kind is as young as the address. */
  readonly isCertain: boolean;
}

const networkIndex = 'addresses-of-network';
const podIndex = 'addresses-of-pod';
/** A view that is behind catches up; where nothing happens, the server says so once a minute. */
const againMs = 1_000;
const certainAfterMs = 90_000;

/** Gives back static addresses whose pod has ended or is gone, so that the pod that comes in its place gets them. */
export const networkAddressesController = definitionFrom({
  name: 'network-addresses',
  component: 'networks-controller',
  account: 'networks-controller',
  primary: kinds.networkAddresses,
  triggers: [
    {
      on: kinds.networks,
      changes: ({ after, before }, caches) =>
        after ? [] : caches.byIndex(kinds.networkAddresses, networkIndex, before?.metadata.name ?? '').map(nameOf),
    },
    {
      on: kinds.pods,
      changes: ({ after, before }, caches) => {
        const pod = after ?? before;
        if (!pod || (after && !isPodFinished(after as Pod))) return [];
        return caches.byIndex(kinds.networkAddresses, podIndex, keyOf(pod)).map(nameOf);
      },
    },
  ],
  indexes: [
    indexOn(kinds.networkAddresses, networkIndex, ({ spec }) => [spec.network]),
    indexOn(kinds.networkAddresses, podIndex, podKeyOf),
  ],
  observe: observeAddress,
  plan: planAddress,
});

function podKeyOf({ spec }: NetworkAddress): readonly string[] {
  return [`${spec.pod.namespace}/${spec.pod.name}`];
}

function observeAddress(key: ObjectKey, caches: Caches): ObservedAddress | undefined {
  const address = caches.get(kinds.networkAddresses, key);
  if (!address) return undefined;
  const version = BigInt(address.metadata.resourceVersion ?? '0');
  const network = caches.get(kinds.networks, address.spec.network);
  const pod = caches.get(kinds.pods, podKeyOf(address)[0] ?? '');
  const { resourceVersion } = network ? caches.of(kinds.pods) : caches.of(kinds.networks);
  return { address, network, pod, isCertain: resourceVersion >= version };
}

export function planAddress({ address, network, pod, isCertain }: ObservedAddress, nowMs: number): Plan {
  const isHeld = pod !== undefined && pod.metadata.uid === address.spec.pod.uid && !isPodFinished(pod);
  if ((network && isHeld) || address.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const ageMs = nowMs - Date.parse(address.metadata.creationTimestamp ?? '');
  if (!isCertain && !(ageMs > certainAfterMs)) return { steps: [], status: 'unchanged', again: { afterMs: againMs } };
  return { steps: [{ op: 'delete', kind: kinds.networkAddresses, target: address }], status: 'unchanged' };
}

function nameOf({ metadata }: NetworkAddress): string {
  return metadata.name ?? '';
}

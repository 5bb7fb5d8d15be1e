import type { NetworkAddress, NetworkSubnet } from '@slipway/api/networks/network-types';
import type { Pod } from '@slipway/api/types';
import type { NodeCheck } from './node-restriction.ts';

/** Blocks are claimed and given back by the node that they are for. */
export const subnetProblem: NodeCheck = (node, { draft, old, request }) => {
  const subnet = (request.operation === 'DELETE' ? old : draft) as NetworkSubnet | undefined;
  return subnet === undefined || subnet.spec?.nodeName === node
    ? undefined
    : `node ${JSON.stringify(node)} can only create and delete NetworkSubnets with spec.nodeName set to itself`;
};

/** Addresses are reserved for pods of the node that asks. */
export const addressProblem: NodeCheck = (node, { draft, old, request }, deps) => {
  const address = (request.operation === 'DELETE' ? old : draft) as NetworkAddress | undefined;
  if (address === undefined) return undefined;
  const shown = JSON.stringify(node);
  const { nodeName, pod: holder } = address.spec ?? {};
  if (nodeName !== node)
    return `node ${shown} can only create and delete NetworkAddresses with spec.nodeName set to itself`;
  if (request.operation === 'DELETE') return undefined;
  const pod = deps.read('pods', '', holder?.namespace, holder?.name ?? '') as Pod | undefined;
  if (!pod || pod.metadata.uid !== holder?.uid) return undefined; // just gone, or not seen here yet
  return pod.spec.nodeName === node ? undefined : `node ${shown} can only reserve addresses for its own pods`;
};

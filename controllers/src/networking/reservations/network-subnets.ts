import { kinds } from '@slipway/client/kinds';
import { reservationController } from './reservation-controller.ts';

/** Takes away blocks of addresses whose node or Network is gone. */
export const networkSubnetsController = reservationController({
  name: 'network-subnets',
  kind: kinds.networkSubnets,
  holders: kinds.nodes,
  holderOf: ({ spec }) => spec.nodeName,
  holds: () => true,
  hasEnded: () => false,
});

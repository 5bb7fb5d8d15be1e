import { kinds } from '@slipway/client/kinds';
import { isPodFinished } from '../../workloads/pod-readiness.ts';
import { reservationController } from './reservation-controller.ts';

/** Gives back static addresses whose pod has ended or is gone, so that the pod that comes in its place gets them. */
export const networkAddressesController = reservationController({
  name: 'network-addresses',
  kind: kinds.networkAddresses,
  holders: kinds.pods,
  holderOf: ({ spec: { pod } }) => `${pod.namespace}/${pod.name}`,
  holds: (pod, { spec }) => pod.metadata.uid === spec.pod.uid && !isPodFinished(pod),
  hasEnded: isPodFinished,
});

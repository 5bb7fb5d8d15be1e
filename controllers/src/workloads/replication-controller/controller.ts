import { matcherOfLabels, nothing } from '@slipway/api/selector';
import type { ReplicationController } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { type ReplicasKind, replicasController } from '../replicas/replicas-kind.ts';

export const replicationControllers: ReplicasKind<ReplicationController> = {
  kind: kinds.replicationControllers,
  matcherOf: ({ spec }) => (spec.selector ? matcherOfLabels(spec.selector) : nothing),
  countsTerminating: false,
};

/** Keeps as many pods as a ReplicationController wants. */
export const replicationController = replicasController(replicationControllers, {
  name: 'replicationcontroller',
  component: 'replication-controller',
  account: 'replication-controller',
});

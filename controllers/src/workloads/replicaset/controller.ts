import { matcherOf } from '@slipway/api/selector';
import type { ReplicaSet } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { type ReplicasKind, replicasController } from '../replicas/replicas-kind.ts';

export const replicaSets: ReplicasKind<ReplicaSet> = {
  kind: kinds.replicaSets,
  matcherOf: ({ spec }) => matcherOf(spec.selector),
  countsTerminating: true,
};

/** Keeps as many pods as a ReplicaSet wants. */
export const replicaSetController = replicasController(replicaSets, {
  name: 'replicaset',
  component: 'replicaset-controller',
  account: 'replicaset-controller',
});

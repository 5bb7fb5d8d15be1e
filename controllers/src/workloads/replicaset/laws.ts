import { kinds } from '@slipway/client/kinds';
import { aReplicaSet } from '../../testing/builders.ts';
import { replicasLaws } from '../replicas/laws.ts';

export const replicaSetLaws = replicasLaws('replicaset', kinds.replicaSets, (app, more) => {
  const replicaSet = aReplicaSet(3, { ...more, selector: { matchLabels: { app } } });
  return { ...replicaSet, metadata: { namespace: 'shop', name: app } };
});

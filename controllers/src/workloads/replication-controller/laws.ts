import { kinds } from '@slipway/client/kinds';
import { aReplicaSet } from '../../testing/builders.ts';
import { replicasLaws } from '../replicas/laws.ts';

export const replicationControllerLaws = replicasLaws(
  'replicationcontroller',
  kinds.replicationControllers,
  (app, more) => ({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { namespace: 'shop', name: app },
    spec: { ...aReplicaSet(3, more).spec, selector: { app } },
  }),
);

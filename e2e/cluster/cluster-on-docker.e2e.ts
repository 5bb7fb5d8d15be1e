import { describeWith } from '@slipway/kit/testing/capabilities';
import { describeAnyMayBeKilled } from './any-may-be-killed.suite.ts';
import { missingForContainers, startEtcdContainers } from './etcd-containers.ts';

describeWith(missingForContainers(), 'three etcd members in containers and two API servers', () =>
  describeAnyMayBeKilled(startEtcdContainers, 6_000),
);

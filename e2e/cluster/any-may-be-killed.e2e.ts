import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { describeAnyMayBeKilled } from './any-may-be-killed.suite.ts';
import { startEtcdMembers } from './etcd-members.ts';

describeWith(missingCapability({ programs: ['etcd', 'etcdctl'] }), 'three etcd members and two API servers', () =>
  describeAnyMayBeKilled(() => startEtcdMembers(), 15_000),
);

import { describeWith } from '@slipway/kit/testing/capabilities';
import { missingForContainers, startEtcdContainers } from './etcd-containers.ts';
import { describeStoreOnMembers } from './store-on-members.suite.ts';

describeWith(missingForContainers(), 'the etcd store on three members in containers', () =>
  describeStoreOnMembers(startEtcdContainers, true),
);

import { systemClock } from '@slipway/kit/clock';
import { describeBackend } from '../conformance/backend.suite.ts';
import { isEtcdInstalled, startEtcd } from '../conformance/etcd-process.ts';
import { openEtcdStore } from './etcd-store.ts';

describeBackend(
  'etcd',
  async () => {
    const server = await startEtcd();
    return {
      open: async () => openEtcdStore({ endpoints: [server.endpoint], clock: systemClock }),
      dispose: () => server.stop(),
      ttlMs: 1_000,
      childArguments: ['etcd', server.endpoint],
    };
  },
  isEtcdInstalled() ? {} : { skip: 'no etcd binary on the PATH' },
);

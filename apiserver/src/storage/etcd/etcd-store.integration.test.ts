import { systemClock } from '@slipway/kit/clock';
import { type BackendFixture, describeBackend } from '../conformance/backend.suite.ts';
import { isEtcdInstalled, startEtcd } from '../conformance/etcd-process.ts';
import { describeObjectStore } from '../conformance/object-store.suite.ts';
import { openEtcdStore } from './etcd-store.ts';

async function createFixture(): Promise<BackendFixture> {
  const server = await startEtcd();
  return {
    open: async () => openEtcdStore({ endpoints: [server.endpoint], clock: systemClock }),
    dispose: () => server.stop(),
    ttlMs: 1_000,
    childArguments: ['etcd', server.endpoint],
  };
}

const options = isEtcdInstalled() ? {} : { skip: 'no etcd binary on the PATH' };
describeBackend('etcd', createFixture, options);
describeObjectStore('etcd', createFixture, options);

/** The etcd store over our own served store: the conformance suites run on it as on an etcd. */
import { systemClock } from '@slipway/kit/clock';
import { type BackendFixture, describeBackend } from '../conformance/backend.suite.ts';
import { describeObjectStore } from '../conformance/object-store.suite.ts';
import { startServedStore } from '../conformance/served-store.ts';
import { openEtcdStore } from '../etcd/etcd-store.ts';

async function createFixture(): Promise<BackendFixture> {
  const served = await startServedStore();
  return {
    open: async () => openEtcdStore({ endpoints: [served.url], clock: systemClock }),
    dispose: () => served.stop(),
    ttlMs: 1_000,
    childArguments: ['etcd', served.url],
  };
}

describeBackend('embedded, served as etcd', createFixture);
describeObjectStore('embedded, served as etcd', createFixture);

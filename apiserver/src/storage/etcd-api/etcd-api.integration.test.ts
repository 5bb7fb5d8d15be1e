/** The etcd store over our own served store: the conformance suites run on it as on an etcd. */
import { systemClock } from '@slipway/kit/clock';
import { type BackendFixture, describeBackend } from '../conformance/backend.suite.ts';
import { describeObjectStore } from '../conformance/object-store.suite.ts';
import { startServedStore } from '../conformance/served-store.ts';
import { openEtcdStore } from '../etcd/etcd-store.ts';

/** Known by several addresses it is taken for several members: then writes are fenced. */
async function createFixture(addresses = 1): Promise<BackendFixture> {
  const served = await startServedStore();
  const endpoints = Array.from({ length: addresses }, () => served.url);
  return {
    open: async () => openEtcdStore({ endpoints, clock: systemClock }),
    dispose: () => served.stop(),
    ttlMs: 1_000,
    childArguments: ['etcd', served.url],
  };
}

describeBackend('embedded, served as etcd', () => createFixture());
describeBackend('embedded, served as an etcd of two members', () => createFixture(2));
describeObjectStore('embedded, served as etcd', () => createFixture());

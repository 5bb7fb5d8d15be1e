import { readFile } from 'node:fs/promises';
import { openEtcdStore } from '@slipway/apiserver';
import { systemClock } from '@slipway/kit/clock';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { startEtcdMembers } from './etcd-members.ts';
import { describeStoreOnMembers } from './store-on-members.suite.ts';

const { signal } = new AbortController();
const options = { signal, cause: '{}' };
const key = (name: string) => `/registry/core/configmaps/${name}`;

describeWith(missingCapability({ programs: ['etcd', 'etcdctl'] }), 'the etcd store on three members', () =>
  describeStoreOnMembers(() => startEtcdMembers(), false),
);

describeWith(missingCapability({ programs: ['etcd', 'etcdctl'] }), 'the etcd store over TLS', () => {
  it('shows its certificate, and goes on when a member is killed', async () => {
    const members = await startEtcdMembers({ withTls: true });
    const { caFile = '', certFile = '', keyFile = '' } = members.tls ?? {};
    const tls = { ca: await readFile(caFile), certificate: await readFile(certFile), key: await readFile(keyFile) };
    const store = await openEtcdStore({ endpoints: members.endpoints, clock: systemClock, tls });
    const stranger = await openEtcdStore({ endpoints: members.endpoints, clock: systemClock, tls: { ca: tls.ca } });
    try {
      await expect(stranger.get(key('a'), { signal })).rejects.toMatchObject({ reason: 'unavailable' });
      expect(await store.write(key('a'), Buffer.of(1), 0n, options)).toMatchObject({ outcome: 'written' });
      await members.kill(0);
      expect((await store.get(key('a'), { signal })).entry?.value).toEqual(Buffer.of(1));
    } finally {
      await stranger.close();
      await store.close();
      await members.stop();
    }
  });
});

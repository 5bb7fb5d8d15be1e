import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@slipway/kit/clock';
import { systemRandom } from '@slipway/kit/random';
import { openPki } from '../../pki/pki.ts';
import { startServedStore } from '../conformance/served-store.ts';
import { openEtcdStore } from '../etcd/etcd-store.ts';

const { signal } = new AbortController();
const options = { signal, cause: '{}' };

describe('a served store with TLS', () => {
  it('takes clients of its own authority and nobody else', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slipway-store-tls-'));
    const deps = { clock: systemClock, random: systemRandom };
    const [own, other] = await Promise.all([
      openPki(join(directory, 'own'), deps, 'slipway-store-ca'),
      openPki(join(directory, 'other'), deps),
    ]);
    const { certificate, privateKey } = await own.servingCertificate(['127.0.0.1']);
    const served = await startServedStore({ ca: own.caCertificate, certificate, privateKey });
    const storeOf = async (pki: typeof own | undefined) => {
      const pair = await pki?.issueClientCertificate('somebody', []);
      const keys = pair ? { certificate: Buffer.from(pair.certificate), key: Buffer.from(pair.privateKey) } : {};
      const tls = { ca: Buffer.from(own.caCertificate), ...keys };
      return openEtcdStore({ endpoints: [served.url], tls, clock: systemClock });
    };
    const stores = await Promise.all([own, other, undefined].map(storeOf));
    try {
      for (const key of ['/a', '/b', '/c']) {
        expect(await stores[0]?.write(key, Buffer.of(1), 0n, options)).toMatchObject({ outcome: 'written' });
      }
      for (const refused of stores.slice(1)) {
        await expect(refused.get('/a', { signal })).rejects.toMatchObject({ reason: 'unavailable' });
      }
    } finally {
      await Promise.all(stores.map((store) => store.close()));
      await served.stop();
      await rm(directory, { recursive: true, force: true });
    }
  }, 30_000);
});

import { connect } from 'node:tls';
import type { X509Certificate } from 'node:crypto';
import { Agent, request } from 'node:https';
import { systemClock } from '@slipway/kit/clock';
import { neverAborted } from '@slipway/kit/abort';
import { startTestServer, type TestServer } from '../testing/start-test-server.ts';

/** Long enough for a slow start, short enough to be waited for: renewed after 2.1 to 2.7 s. */
const certificateValidMs = 3_000;

describe('an API server whose certificates hold for seconds', () => {
  let test: TestServer;
  beforeAll(async () => {
    test = await startTestServer({ certificateValidMs });
  });
  afterAll(() => test.stop());

  function shown(): Promise<X509Certificate> {
    const { port, hostname } = new URL(test.url);
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), ca: test.server.pki.caCertificate }, () => {
        const certificate = socket.getPeerX509Certificate();
        socket.destroy();
        if (certificate) resolve(certificate);
        else reject(new Error('no certificate'));
      });
      socket.once('error', reject);
    });
  }

  it('shows another one to new connections before the first has ended, and goes on serving', async () => {
    const first = await shown();
    let last = first;
    // Each handshake checks the time, the name and the authority.
    while (Date.parse(last.validTo) <= Date.parse(first.validTo) + 1_000) {
      last = await shown();
      await systemClock.sleep(50, neverAborted);
    }
    expect(last.serialNumber).not.toBe(first.serialNumber);
    expect((await test.fetch('/readyz', { certificate: null })).text).toBe('ok');
  });

  it('lets nobody go on with a certificate that ended on an open connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { certificate, privateKey } = await test.server.pki.issueClientCertificate('jane', []);
    const ask = () =>
      new Promise<number | undefined>((resolve, reject) => {
        const tls = { ca: test.server.pki.caCertificate, cert: certificate, key: privateKey, agent };
        request(new URL('/api/v1/namespaces', test.url), tls, (response) => {
          response.resume().once('end', () => resolve(response.statusCode));
        })
          .once('error', reject)
          .end();
      });
    expect(await ask()).toBe(403);
    while ((await ask()) !== 401) await systemClock.sleep(100, neverAborted);
    agent.destroy();
  });
});

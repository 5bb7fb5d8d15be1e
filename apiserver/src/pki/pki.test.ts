import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { systemRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { clientIdentities, openPki } from './pki.ts';

describe('openPki', () => {
  let directory: string;
  const clock = new VirtualClock(Date.UTC(2026, 5, 1));
  const open = () => openPki(directory, { clock, random: systemRandom });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pki-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('signs a serving certificate for all hosts, and keeps it until the hosts change', async () => {
    const pki = await open();
    const first = await pki.servingCertificate(['127.0.0.1', 'localhost']);
    const certificate = new X509Certificate(first.certificate);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.verify(new X509Certificate(pki.caCertificate).publicKey)).toBe(true);
    expect(await (await open()).servingCertificate(['localhost'])).toEqual(first);
    expect(await pki.servingCertificate(['localhost', '10.96.0.1'])).not.toEqual(first);
  });

  it('names user and groups in a client certificate', async () => {
    const pair = await (await open()).clientCertificate(clientIdentities.node('alpha'));
    expect(new X509Certificate(pair.certificate).subject).toBe('O=system:nodes\nCN=system:node:alpha');
  });

  it('renews a certificate that is near its end', async () => {
    const pki = await open();
    const first = await pki.clientCertificate(clientIdentities.admin);
    const later = await openPki(directory, {
      clock: new VirtualClock(clock.nowMs() + 330 * 24 * 3600_000),
      random: systemRandom,
    });
    const second = await later.clientCertificate(clientIdentities.admin);
    expect(second.certificate).not.toBe(first.certificate);
    expect(later.caCertificate).toBe(pki.caCertificate);
  });

  it('signs what others ask for, for as long as they ask', async () => {
    const pki = await open();
    const request = {
      commonName: 'jane',
      organizations: ['devs', 'ops'],
      subject: [
        { type: '2.5.4.10', value: 'devs' },
        { type: '2.5.4.10', value: 'ops' },
        { type: '2.5.4.3', value: 'jane' },
      ],
      dnsNames: ['jane.example.com'],
      ipAddresses: ['10.0.0.1', 'fd00:0:0:0:0:0:0:1'],
      emails: [],
      uris: [],
      publicKey: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'der' }),
      signed: new Uint8Array(),
      signatureAlgorithm: '',
      signature: new Uint8Array(),
    };
    const usages = ['client auth', 'server auth', 'digital signature'];
    const certificate = new X509Certificate(await pki.signRequest({ request, usages, validMs: 600_000 }));
    expect(certificate.subject).toBe('O=devs\nO=ops\nCN=jane');
    expect(certificate.subjectAltName).toBe('DNS:jane.example.com, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(new X509Certificate(pki.caCertificate).publicKey)).toBe(true);
    expect(Date.parse(certificate.validTo)).toBe(clock.nowMs() + 600_000);
  });

  it('keeps its files readable by the owner only', async () => {
    await open();
    for (const file of ['ca.key', 'ca.crt', 'service-account.key']) {
      expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    }
  });
});

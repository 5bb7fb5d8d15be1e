import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCertificateRequest } from '@slipway/api/certificates/certificate-request';
import { systemRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { ensureRequestedPair, openPki } from './pki.ts';

const dayMs = 24 * 3600_000;
const startMs = Date.UTC(2026, 5, 1);

describe('ensureRequestedPair', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'requested-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function pairAt(nowMs: number, commonName = 'system:node:n1') {
    const clock = new VirtualClock(nowMs);
    const pki = await openPki(join(directory, 'authority'), { clock, random: systemRandom });
    const asked: boolean[] = [];
    const wanted = { commonName, organizations: ['system:nodes'], hosts: ['n1', '10.0.0.1'] };
    const pair = await ensureRequestedPair({ directory, file: 'client' }, wanted, clock, async (pem, held) => {
      asked.push(held !== undefined);
      const request = parseCertificateRequest(pem);
      return await pki.signRequest({ request, usages: ['client auth'], validMs: 100 * dayMs });
    });
    return { certificate: new X509Certificate(pair.certificate), asked };
  }

  it('asks once, for what is wanted', async () => {
    const { certificate, asked } = await pairAt(startMs);
    expect(asked).toEqual([false]);
    expect(certificate.subject).toBe('O=system:nodes\nCN=system:node:n1');
    expect(certificate.subjectAltName).toBe('DNS:n1, IP Address:10.0.0.1');
    expect((await pairAt(startMs + 60 * dayMs)).asked).toEqual([]);
  });

  it('renews with the old pair while that holds, and begins anew after', async () => {
    await pairAt(startMs);
    expect((await pairAt(startMs + 80 * dayMs)).asked).toEqual([true]);
    expect((await pairAt(startMs + 300 * dayMs)).asked).toEqual([false]);
  });

  it('does not take the certificate of another name for its own', async () => {
    await pairAt(startMs);
    expect((await pairAt(startMs, 'system:node:n2')).asked).toEqual([false]);
  });
});

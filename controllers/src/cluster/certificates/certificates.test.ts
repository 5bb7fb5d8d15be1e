import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { decideServing, recognizedAs, servingNodeOf } from './approving/plan.ts';
import { planCleaning } from './cleaning/plan.ts';
import type { Csr } from './csr.ts';
import { planSigning as planSigningFor } from './signing/plan.ts';

const kubelet = 'kubernetes.io/kube-apiserver-client-kubelet';
const serving = 'kubernetes.io/kubelet-serving';
const node = '/O=system:nodes/CN=system:node:n1';
const hourMs = 3600_000;
const nowMs = Date.UTC(2026, 0, 2);
const planSigning = (asked: Csr) => planSigningFor(asked, 365 * 24 * hourMs);

/** `spec.request` of a new key. */
function requestFor(subject: string, alternativeNames?: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'csr-'));
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(directory, 'key')];
  const names = alternativeNames ? ['-addext', `subjectAltName=${alternativeNames}`] : [];
  const pem = execFileSync('openssl', ['req', '-new', ...key, '-subj', subject, ...names], { stdio: 'pipe' });
  rmSync(directory, { recursive: true });
  return pem.toString('base64');
}

function csr(request: string, spec: Partial<Csr['spec']> = {}, types: readonly string[] = []): Csr {
  const conditions = types.map((type) => ({
    type,
    status: 'True',
    lastUpdateTime: new Date(nowMs - hourMs / 2).toISOString(),
  }));
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'c', creationTimestamp: new Date(nowMs - hourMs).toISOString() },
    spec: { request, signerName: kubelet, usages: ['client auth', 'digital signature'], username: 'someone', ...spec },
    status: { conditions },
  };
}

describeWith(missingCapability({ programs: ['openssl'] }), 'certificates', () => {
  const client = requestFor(node);

  describe('recognizedAs', () => {
    const permissions = (asked: Csr) => recognizedAs(asked).map(({ permission }) => permission);

    it('knows an agent by its request, and one that renews its own', () => {
      expect(permissions(csr(client))).toEqual(['nodeclient']);
      expect(permissions(csr(client, { username: 'system:node:n1' }))).toEqual(['selfnodeclient', 'nodeclient']);
    });

    it.each([
      ['another signer', csr(client, { signerName: serving })],
      ['other usages', csr(client, { usages: ['client auth', 'server auth', 'digital signature'] })],
      ['a decision made', csr(client, {}, ['Denied'])],
      ['another group', csr(requestFor('/O=system:masters/CN=system:node:n1'))],
      ['more groups', csr(requestFor('/O=system:nodes/O=system:masters/CN=system:node:n1'))],
      ['no node', csr(requestFor('/O=system:nodes/CN=admin'))],
      ['alternative names', csr(requestFor(node, 'DNS:n1'))],
    ])('leaves %s to people', (_name, asked) => {
      expect(recognizedAs(asked)).toEqual([]);
    });
  });

  describe('decideServing', () => {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, spec: {} };
    const addresses = [
      { type: 'InternalIP', address: '10.0.0.1' },
      { type: 'InternalIP', address: 'fd00::2' },
      { type: 'Hostname', address: 'host-1' },
    ];
    const known = { ...node, status: { addresses } };
    const asked = (names: string, spec: Partial<Csr['spec']> = {}, types: readonly string[] = []) => {
      const username = 'system:node:n1';
      const usages = ['server auth', 'digital signature'];
      const all = { signerName: serving, usages, username, groups: ['system:nodes'], ...spec };
      return csr(requestFor('/O=system:nodes/CN=system:node:n1', names), all, types);
    };
    const early = nowMs - hourMs + 1_000;

    it('is about nodes that ask, and nobody else', () => {
      expect(servingNodeOf(asked('IP:10.0.0.1'))).toBe('n1');
      expect(servingNodeOf(asked('IP:10.0.0.1', {}, ['Denied']))).toBeUndefined();
      expect(servingNodeOf(asked('IP:10.0.0.1', { username: 'jane' }))).toBeUndefined();
      expect(servingNodeOf(asked('IP:10.0.0.1', { groups: [] }))).toBeUndefined();
      expect(servingNodeOf(csr(client))).toBeUndefined();
    });

    it('approves the addresses of the node, and waits a while for others', () => {
      expect(decideServing(asked('DNS:host-1,IP:10.0.0.1,IP:fd00::2'), known, early)).toBe('approve');
      expect(decideServing(asked('IP:10.0.0.1'), node, early)).toBe('wait');
      expect(decideServing(asked('IP:10.0.0.1'), undefined, early)).toBe('wait');
      expect(decideServing(asked('IP:10.0.0.1,IP:10.0.0.2'), known, nowMs)).toBe('leave');
      expect(decideServing(asked('DNS:kubernetes.default'), known, nowMs)).toBe('leave');
      expect(decideServing(asked('IP:10.0.0.1', { username: 'system:node:n2' }), known, early)).toBe('leave');
      expect(decideServing(asked('IP:10.0.0.1', { usages: ['client auth'] }), known, early)).toBe('leave');
    });
  });

  describe('planSigning', () => {
    it('waits for a decision, and signs once', () => {
      expect(planSigning(csr(client)).op).toBe('leave');
      expect(planSigning(csr(client, {}, ['Approved']))).toMatchObject({ op: 'sign', validMs: 365 * 24 * hourMs });
      expect(planSigning(csr(client, { expirationSeconds: 600 }, ['Approved']))).toMatchObject({ validMs: 600_000 });
      const issued = csr(client, {}, ['Approved']);
      expect(planSigning({ ...issued, status: { ...issued.status, certificate: 'eA==' } }).op).toBe('leave');
      expect(planSigning(csr(client, { signerName: 'example.com/other' }, ['Approved'])).op).toBe('leave');
    });

    it('fails what its signer may not sign', () => {
      const asked = csr(requestFor('/O=devs/CN=jane'), {}, ['Approved']);
      expect(planSigning(asked)).toEqual({ op: 'fail', message: 'subject organization is not system:nodes' });
    });

    it('gives a serving certificate to the node that it names, and to no other', () => {
      const request = requestFor(node, 'DNS:n1,IP:10.0.0.1');
      const usages = ['server auth', 'digital signature'];
      const by = (username: string) => csr(request, { signerName: serving, usages, username }, ['Approved']);
      expect(planSigning(by('system:node:n1')).op).toBe('sign');
      expect(planSigning(by('system:node:n2')).op).toBe('fail');
      const without = csr(client, { signerName: serving, usages, username: 'system:node:n1' }, ['Approved']);
      expect(planSigning(without)).toEqual({ op: 'fail', message: 'DNS or IP subjectAltName is required' });
    });
  });

  describe('planCleaning', () => {
    const plan = (asked: Csr, certificateEndMs?: number) => planCleaning({ csr: asked, certificateEndMs }, nowMs);

    it('keeps what waits for a day, and what is decided for an hour', () => {
      expect(plan(csr(client)).again?.afterMs).toBe(23 * hourMs);
      expect(plan(csr(client, {}, ['Denied'])).again?.afterMs).toBe(hourMs / 2);
      expect(plan(csr(client, {}, ['Approved'])).again?.afterMs).toBe(23.5 * hourMs);
      const issued = csr(client, {}, ['Approved']);
      const served = { ...issued, status: { ...issued.status, certificate: 'eA==' } };
      expect(plan(served).again?.afterMs).toBe(hourMs / 2);
    });

    it('deletes what is over', () => {
      const late = planCleaning({ csr: csr(client), certificateEndMs: undefined }, nowMs + 24 * hourMs);
      expect(late.steps).toMatchObject([{ op: 'delete' }]);
      expect(plan(csr(client, {}, ['Approved']), nowMs - 1).steps).toMatchObject([{ op: 'delete' }]);
    });
  });
});

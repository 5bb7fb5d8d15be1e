import type { Secret, ServiceAccount } from '@slipway/api/types';
import { filled, planAccountToken } from './account-tokens/plan.ts';
import { planBootstrapToken } from './bootstrap-tokens/plan.ts';

const encoded = (text: string) => Buffer.from(text).toString('base64');
const secret = (more: Partial<Secret> = {}): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's', namespace: 'shop', annotations: { 'kubernetes.io/service-account.name': 'robot' } },
  ...more,
});

describe('planBootstrapToken', () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const plan = (expiration?: string) =>
    planBootstrapToken({ secret: secret(expiration ? { data: { expiration: encoded(expiration) } } : {}) }, nowMs);

  it('waits for the end, and deletes after it', () => {
    expect(plan()).toEqual({ steps: [], status: 'unchanged' });
    expect(plan('2026-01-01T00:01:00Z').again).toEqual({ afterMs: 60_000 });
    expect(plan('2025-12-31T23:59:59Z').steps).toMatchObject([{ op: 'delete' }]);
    expect(plan('soon').steps).toMatchObject([{ op: 'delete' }]);
  });
});

describe('planAccountToken', () => {
  const account = (uid: string): ServiceAccount => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'robot', namespace: 'shop', uid },
  });

  it('fills once, and takes away with the account', () => {
    expect(planAccountToken(secret(), account('1'), 'PEM')).toEqual({
      op: 'fill',
      account: { name: 'robot', uid: '1' },
    });
    const done = filled(secret(), '1', 'token', 'PEM');
    expect(done.data).toEqual({ token: encoded('token'), 'ca.crt': encoded('PEM'), namespace: encoded('shop') });
    expect(planAccountToken(done, account('1'), 'PEM')).toEqual({ op: 'leave' });
    expect(planAccountToken(done, account('2'), 'PEM')).toEqual({ op: 'delete' });
    expect(planAccountToken(done, undefined, 'PEM')).toEqual({ op: 'delete' });
  });

  it('keeps the token when another authority comes', () => {
    const done = filled(filled(secret(), '1', 'token', 'OLD'), '1', 'other', 'PEM');
    expect(done.data).toMatchObject({ token: encoded('token'), 'ca.crt': encoded('PEM') });
  });
});

import type { Namespace } from '@slipway/api/types';
import { planNamespace, type Remaining } from './plan.ts';

const nowMs = Date.UTC(2026, 0, 1);
const namespace: Namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', deletionTimestamp: '2026-01-01T00:00:00Z' },
  spec: { finalizers: ['kubernetes'] },
  status: { phase: 'Terminating' },
};
const pods: Remaining = {
  resource: 'pods.',
  count: 2,
  finalizers: new Map([['example.org/hold', 1]]),
  graceSeconds: 30,
};

describe('planNamespace', () => {
  const conditions = (remaining: Remaining[], failures: string[] = []) =>
    Object.fromEntries(
      (planNamespace({ namespace, remaining, failures }, nowMs).status.conditions ?? []).map((c) => [c.type, c]),
    );

  it('lets an empty namespace go', () => {
    const plan = planNamespace({ namespace, remaining: [], failures: [] }, nowMs);
    expect(plan).toMatchObject({ mayFinalize: true, againAfterMs: undefined });
  });

  it('says what is left and which finalizers hold it', () => {
    const found = conditions([pods]);
    expect(found.NamespaceContentRemaining).toMatchObject({
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: 'Some resources are remaining: pods. has 2 resource instances',
    });
    expect(found.NamespaceFinalizersRemaining).toMatchObject({
      status: 'True',
      message: 'Some content in the namespace has finalizers remaining: example.org/hold in 1 resource instances',
    });
    expect(found.NamespaceDeletionContentFailure).toMatchObject({ status: 'False', reason: 'ContentDeleted' });
  });

  it('does not let go what it could not empty', () => {
    expect(planNamespace({ namespace, remaining: [], failures: ['no'] }, nowMs).mayFinalize).toBe(false);
    expect(conditions([], ['no']).NamespaceDeletionContentFailure).toMatchObject({
      status: 'True',
      message: 'Failed to delete all resource types, 1 remaining: no',
    });
  });

  it('looks ever more seldom, the longer it takes', () => {
    const after = (ageMs: number) =>
      planNamespace({ namespace, remaining: [pods], failures: [] }, nowMs + ageMs).againAfterMs;
    expect([after(0), after(4000), after(3_600_000)]).toEqual([200, 1000, 15_000]);
  });
});

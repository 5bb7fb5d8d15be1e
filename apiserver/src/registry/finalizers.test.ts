import type { KubeObject, ObjectMeta } from '@slipway/api/types';
import { type DeleteOptions, type DeletionRules, endsDeletion, planDeletion } from './finalizers.ts';

const nowMs = Date.UTC(2026, 0, 1);
const now = '2026-01-01T00:00:00Z';
const plain: DeletionRules = { knowsGrace: false, graceSeconds: 0, defaultPropagation: 'Background', isHeld: false };
const graceful = (graceSeconds: number): DeletionRules => ({ ...plain, knowsGrace: true, graceSeconds });
const anObject = (metadata: ObjectMeta): KubeObject => ({
  kind: 'X',
  apiVersion: 'v1',
  metadata: { name: 'a', ...metadata },
});
const plan = (metadata: ObjectMeta, options: DeleteOptions, rules: DeletionRules) =>
  planDeletion(anObject(metadata), options, rules, nowMs);

describe('planDeletion', () => {
  it('removes what nothing holds', () => {
    expect(plan({}, {}, plain)).toEqual({ step: 'remove' });
    expect(plan({}, { propagationPolicy: 'Background' }, plain)).toEqual({ step: 'remove' });
  });

  it('marks what a finalizer holds, and counts the generation once', () => {
    expect(plan({ finalizers: ['x/y'], generation: 3 }, {}, plain)).toMatchObject({
      step: 'mark',
      metadata: { finalizers: ['x/y'], deletionTimestamp: now, deletionGracePeriodSeconds: 0, generation: 4 },
    });
    const marked = { finalizers: ['x/y'], deletionTimestamp: now, deletionGracePeriodSeconds: 0, generation: 4 };
    expect(plan(marked, {}, plain).step).toBe('wait');
  });

  it.each([
    [{ propagationPolicy: 'Foreground' }, ['foregroundDeletion']],
    [{ propagationPolicy: 'Orphan' }, ['orphan']],
    [{ orphanDependents: true }, ['orphan']],
  ] as const)('adds the finalizer of %j', (options, finalizers) => {
    expect(plan({}, options, plain)).toMatchObject({ step: 'mark', metadata: { finalizers } });
  });

  it('takes the finalizer of the last policy only', () => {
    expect(plan({ finalizers: ['orphan', 'x'] }, { propagationPolicy: 'Foreground' }, plain)).toMatchObject({
      metadata: { finalizers: ['x', 'foregroundDeletion'] },
    });
    expect(plan({ finalizers: ['orphan'] }, { propagationPolicy: 'Background' }, plain)).toEqual({ step: 'remove' });
  });

  it('waits for the grace of a pod, which a second delete may only shorten', () => {
    expect(plan({}, {}, graceful(30))).toMatchObject({
      step: 'mark',
      metadata: { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 },
    });
    const marked = { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 };
    expect(plan(marked, {}, graceful(30)).step).toBe('wait');
    expect(plan(marked, { gracePeriodSeconds: 60 }, graceful(60)).step).toBe('wait');
    expect(plan(marked, { gracePeriodSeconds: 5 }, graceful(5))).toMatchObject({
      step: 'mark',
      metadata: { deletionTimestamp: '2026-01-01T00:00:05Z', deletionGracePeriodSeconds: 5 },
    });
    expect(plan(marked, { gracePeriodSeconds: 0 }, graceful(0)).step).toBe('markAndRemove');
  });

  it('keeps a pod whose grace is over as long as a finalizer holds it', () => {
    const marked = { finalizers: ['x'], deletionTimestamp: now, deletionGracePeriodSeconds: 30 };
    expect(plan(marked, { gracePeriodSeconds: 0 }, graceful(0))).toMatchObject({
      step: 'mark',
      metadata: { finalizers: ['x'], deletionGracePeriodSeconds: 0 },
    });
  });

  it('keeps a namespace that holds content', () => {
    expect(plan({}, {}, { ...plain, isHeld: true })).toMatchObject({
      step: 'mark',
      metadata: { deletionTimestamp: now },
    });
  });
});

describe('endsDeletion', () => {
  const deleting = anObject({ finalizers: ['x'], deletionTimestamp: now, deletionGracePeriodSeconds: 0 });
  it('is true when the last finalizer goes', () => {
    const { finalizers: _, ...rest } = deleting.metadata;
    expect(endsDeletion(anObject(rest), deleting, false)).toBe(true);
    expect(endsDeletion(anObject(rest), deleting, true)).toBe(false);
    expect(endsDeletion(deleting, deleting, false)).toBe(false);
    expect(endsDeletion(anObject({}), anObject({ finalizers: ['x'] }), false)).toBe(false);
  });

  it('is false while grace runs', () => {
    const waiting = anObject({ deletionTimestamp: now, deletionGracePeriodSeconds: 30 });
    expect(endsDeletion(waiting, waiting, false)).toBe(false);
  });
});

import type { KubeObject, OwnerReference } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { type Located, type OwnerState, planCollection } from './plan.ts';

const deletionTimestamp = '2026-01-01T00:00:00Z';

function owned(...states: OwnerState[]) {
  const refs = states.map((_, i): OwnerReference => ({ apiVersion: 'v1', kind: 'Owner', name: `o${i}`, uid: `u${i}` }));
  return {
    ...located({ ownerReferences: refs }),
    owners: states.map((state, i) => ({ ref: refs[i] as OwnerReference, state })),
    dependents: [] as readonly Located[],
  };
}

function located(metadata: KubeObject['metadata']): Located {
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'shop', name: 'x', uid: 'self', ...metadata },
  };
  return { kind: kinds.configMaps, object };
}

const dependent = (more: Partial<OwnerReference>, metadata: KubeObject['metadata'] = {}) =>
  located({
    name: 'child',
    uid: 'child',
    ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'self', ...more }],
    ...metadata,
  });

describe('planCollection', () => {
  it('leaves alone what has no owners, and what has all of them', () => {
    expect(planCollection(owned())).toEqual([]);
    expect(planCollection(owned('solid', 'solid'))).toEqual([]);
  });

  it('deletes what has no owner left', () => {
    expect(planCollection(owned('absent', 'absent'))).toMatchObject([
      { op: 'delete', propagation: 'Background', ifUnchanged: true },
    ]);
  });

  it('takes lost owners out of what has another', () => {
    const [step] = planCollection(owned('absent', 'solid', 'waiting'));
    expect(step).toMatchObject({ op: 'patch', patch: { metadata: { ownerReferences: [{ uid: 'u1' }] } } });
  });

  it('deletes in the foreground what an owner waits for and what has dependents itself', () => {
    expect(planCollection({ ...owned('waiting'), dependents: [dependent({})] })).toMatchObject([
      { op: 'delete', propagation: 'Foreground' },
    ]);
    expect(planCollection(owned('waiting'))).toMatchObject([{ op: 'delete', propagation: 'Background' }]);
  });

  it('breaks a circle of objects that wait for each other', () => {
    const leaving = dependent({}, { deletionTimestamp, finalizers: ['foregroundDeletion'] });
    const steps = planCollection({ ...owned('waiting'), dependents: [leaving] });
    expect(steps).toMatchObject([
      { op: 'patch', patch: { metadata: { ownerReferences: [{ blockOwnerDeletion: false }] } } },
      { op: 'delete', propagation: 'Foreground', ifUnchanged: false },
    ]);
  });

  it('keeps an owner that is deleted in the foreground until nothing blocks it', () => {
    const node = { ...located({ deletionTimestamp, finalizers: ['foregroundDeletion', 'mine'] }), owners: [] };
    expect(planCollection({ ...node, dependents: [dependent({ blockOwnerDeletion: true })] })).toEqual([]);
    expect(planCollection({ ...node, dependents: [dependent({})] })).toMatchObject([
      { op: 'patch', patch: { metadata: { finalizers: ['mine'] } } },
    ]);
  });

  it('lets dependents go before an owner that orphans them', () => {
    const node = { ...located({ deletionTimestamp, finalizers: ['orphan'] }), owners: [] };
    expect(planCollection({ ...node, dependents: [dependent({})] })).toMatchObject([
      { op: 'patch', target: { metadata: { uid: 'child' } }, patch: { metadata: { ownerReferences: null } } },
    ]);
    expect(planCollection({ ...node, dependents: [] })).toMatchObject([
      { op: 'patch', target: { metadata: { uid: 'self' } }, patch: { metadata: { finalizers: null } } },
    ]);
  });

  it('does nothing about objects that are on their way out for other reasons', () => {
    const leaving = { ...owned('absent'), ...located({ deletionTimestamp, finalizers: ['mine'] }) };
    expect(planCollection(leaving)).toEqual([]);
  });
});

import type { ObjectMeta, PersistentVolume, PersistentVolumeClaim, Pod } from '@slipway/api/types';
import { type Kind, kinds } from '@slipway/client/kinds';
import { claimFinalizer, claimsOf, planClaim, planVolume, volumeFinalizer } from './plan.ts';

const deletionTimestamp = '2026-01-01T00:00:00Z';
const claim = (metadata: ObjectMeta) => ({ metadata, spec: {} }) as PersistentVolumeClaim;
const pod = (spec: object) => ({ metadata: { name: 'p', namespace: 'n' }, spec }) as unknown as Pod;
const leaving = { deletionTimestamp, finalizers: ['mine', claimFinalizer] };
const stepsFor = (metadata: ObjectMeta, pods: Pod[]) =>
  planClaim({ claim: claim(metadata), pods }, kinds.pods as Kind).steps;

describe('planClaim', () => {
  it('takes the finalizer off when the last pod is gone', () => {
    expect(stepsFor(leaving, [])).toMatchObject([{ op: 'patch', patch: { metadata: { finalizers: ['mine'] } } }]);
    expect(stepsFor(leaving, [pod({})])).toHaveLength(1);
  });

  it('waits while a pod on a node uses the claim, and leaves claims that nobody deletes', () => {
    expect(stepsFor(leaving, [pod({ nodeName: 'a' })])).toEqual([]);
    expect(stepsFor({ finalizers: [claimFinalizer] }, [])).toEqual([]);
  });
});

describe('planVolume', () => {
  it('waits while a claim is bound', () => {
    const volume = (phase: string) =>
      ({ metadata: { deletionTimestamp, finalizers: [volumeFinalizer] }, status: { phase } }) as PersistentVolume;
    expect(planVolume({ volume: volume('Bound') }, kinds.pods as Kind).steps).toEqual([]);
    expect(planVolume({ volume: volume('Released') }, kinds.pods as Kind).steps).toMatchObject([
      { patch: { metadata: { finalizers: null } } },
    ]);
  });
});

describe('claimsOf', () => {
  it('names what a pod mounts, ephemeral volumes by the names of their claims', () => {
    const volumes = [
      { name: 'a', persistentVolumeClaim: { claimName: 'x' } },
      { name: 'b', ephemeral: {} },
      { name: 'c' },
    ];
    expect(claimsOf(pod({ volumes }))).toEqual(['x', 'p-b']);
  });
});

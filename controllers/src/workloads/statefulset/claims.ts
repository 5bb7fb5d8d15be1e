/**
 * The claims of a StatefulSet's pods: made before the pod, kept when it goes, and handed to the garbage collector by
 * owner references where the retention policy says so. A claim that goes with the set is owned by the set, one that goes
 * with a pod that is scaled away by that pod.
 */
import type { OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { controllerOf, controllerReferenceTo } from '../../runtime/owner.ts';
import type { Step } from '../../runtime/step.ts';
import { claimName, type ClaimTemplate, claimTemplates, podName } from './identity.ts';

/** By name. */
export type Claims = ReadonlyMap<string, PersistentVolumeClaim>;

/** Makes those claims of a pod that are not there. */
export function missingClaims(set: StatefulSet, ordinal: number, claims: Claims): Step[] {
  return claimTemplates(set)
    .filter((template) => !claims.has(claimName(set, template, ordinal)))
    .map((template) => createClaim(set, template, ordinal));
}

/** A claim that a new pod may not use, as it is about to go: on its way out, or owned by a former pod of this name. */
export function leavingClaim(set: StatefulSet, ordinal: number, claims: Claims): PersistentVolumeClaim | undefined {
  return claimTemplates(set)
    .map((template) => claims.get(claimName(set, template, ordinal)))
    .find((claim) => claim && (claim.metadata.deletionTimestamp !== undefined || isLeftBy(set, ordinal, claim)));
}

function isLeftBy(set: StatefulSet, ordinal: number, { metadata }: PersistentVolumeClaim): boolean {
  const name = podName(set, ordinal);
  return (
    retentionOf(set).whenScaled === 'Delete' &&
    (metadata.ownerReferences ?? []).some((owner) => owner.kind === 'Pod' && owner.name === name)
  );
}

/** Gives a pod's claims the owners that the retention policy wants. `isScaledAway`: the set has no place for the pod any more. */
export function retainClaims(
  set: StatefulSet,
  pod: Pod,
  ordinal: number,
  isScaledAway: boolean,
  claims: Claims,
): Step[] {
  const wanted = [
    ...(ownedBySet(set, isScaledAway) ? [controllerReferenceTo(set)] : []),
    ...(retentionOf(set).whenScaled === 'Delete' && isScaledAway ? [controllerReferenceTo(pod)] : []),
  ];
  const steps: Step[] = [];
  for (const template of claimTemplates(set)) {
    const claim = claims.get(claimName(set, template, ordinal));
    if (!claim || claim.metadata.deletionTimestamp || belongsToOther(set, pod, claim)) continue;
    const ownerReferences = withOwners(set, pod, claim, wanted);
    if (sameOwners(claim.metadata.ownerReferences ?? [], ownerReferences)) continue;
    const patch = { metadata: { ownerReferences: ownerReferences.length > 0 ? ownerReferences : null } };
    steps.push({ op: 'patch', kind: kinds.persistentVolumeClaims, target: claim, patch });
  }
  return steps;
}

function createClaim(set: StatefulSet, template: ClaimTemplate, ordinal: number): Step {
  const { metadata, spec } = template;
  const name = claimName(set, template, ordinal);
  const pod = podName(set, ordinal);
  const claim: PersistentVolumeClaim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name,
      ...(set.metadata.namespace ? { namespace: set.metadata.namespace } : {}),
      labels: { ...metadata.labels, ...set.spec.selector.matchLabels },
      ...(metadata.annotations ? { annotations: metadata.annotations } : {}),
      ...(metadata.finalizers ? { finalizers: metadata.finalizers } : {}),
      ...(ownedBySet(set, false) ? { ownerReferences: [controllerReferenceTo(set)] } : {}),
    },
    spec,
  };
  return {
    op: 'create',
    kind: kinds.persistentVolumeClaims,
    object: claim,
    tells: {
      about: set,
      done: {
        type: 'Normal',
        reason: 'SuccessfulCreate',
        message: `create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`,
      },
      failed: {
        type: 'Warning',
        reason: 'FailedCreate',
        message: `create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: {error}`,
      },
    },
  };
}

function retentionOf({ spec }: StatefulSet) {
  return { whenDeleted: 'Retain', whenScaled: 'Retain', ...spec.persistentVolumeClaimRetentionPolicy };
}

function ownedBySet(set: StatefulSet, isScaledAway: boolean): boolean {
  const { whenDeleted, whenScaled } = retentionOf(set);
  return whenDeleted === 'Delete' && !(whenScaled === 'Delete' && isScaledAway);
}

/** Another controller manages it: its lifetime is not ours to decide. */
function belongsToOther(set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim): boolean {
  const controller = controllerOf(claim);
  return controller !== undefined && controller.uid !== set.metadata.uid && !isOwnPod(controller, pod);
}

function isOwnPod(owner: OwnerReference, pod: Pod): boolean {
  return owner.kind === 'Pod' && owner.name === pod.metadata.name;
}

function withOwners(
  set: StatefulSet,
  pod: Pod,
  claim: PersistentVolumeClaim,
  wanted: readonly OwnerReference[],
): OwnerReference[] {
  const others = (claim.metadata.ownerReferences ?? []).filter(
    (owner) => owner.uid !== set.metadata.uid && !isOwnPod(owner, pod),
  );
  return [...others, ...wanted];
}

function sameOwners(a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean {
  return a.length === b.length && a.every(({ uid }) => b.some((other) => other.uid === uid));
}

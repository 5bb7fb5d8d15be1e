/** How many pods the owners of some pods want: what percentages and `maxUnavailable` of a budget are about. */
import { parseApiVersion, builtInResources } from '@slipway/api/resources';
import type { KubeObject, OwnerReference, Pod } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { type Kind, keyFrom, keyOf, kindId, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { controllerOf } from '../../runtime/owner.ts';
import { budgetsOfPod } from './budgets.ts';

/** Built-in kinds that have a scale and own pods. */
export const scaledKinds: readonly Kind[] = [
  kinds.replicaSets,
  kinds.replicationControllers,
  kinds.statefulSets,
  kinds.deployments,
];

export interface Expectation {
  /** The sum of the owners' scales. */
  readonly expected: number;
  /** Pods that nobody controls; they count as healthy and are not expected. */
  readonly unmanaged: number;
}

/** Cache index of CustomResourceDefinitions by the kind that they define. */
export const definedKindIndex = 'defined-kind';

interface Definition extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string; readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly subresources?: { readonly scale?: { readonly specReplicasPath: string } };
    }[];
  };
}

export function definedKind(object: KubeObject): readonly string[] {
  const { spec } = object as Definition;
  return [`${spec.group}/${spec.names.kind}`];
}

/** What the owners of the pods want together; upstream's words where it cannot be known. */
export function expectationFrom(pods: readonly Pod[], caches: Caches): Expectation | { readonly problem: string } {
  const scales = new Map<string, number>();
  const asked = new Set<string>();
  let unmanaged = 0;
  for (const pod of pods) {
    const ref = controllerOf(pod);
    if (!ref) unmanaged++;
    if (!ref || asked.has(ref.uid)) continue;
    asked.add(ref.uid);
    const scale = scaleOf(ref, pod.metadata.namespace ?? '', caches);
    if (typeof scale === 'string') return { problem: scale };
    if (!scale) return { problem: `found no controllers for pod "${pod.metadata.name}"` };
    scales.set(scale.uid, scale.replicas);
  }
  const expected = [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
  return { expected, unmanaged };
}

interface Scale {
  readonly uid: string;
  readonly replicas: number;
}

/** Undefined when the owner is not there; a text when its kind has no scale. */
function scaleOf(ref: OwnerReference, namespace: string, caches: Caches): Scale | string | undefined {
  const { group } = parseApiVersion(ref.apiVersion);
  const kind = scaledKinds.find((candidate) => candidate.kind === ref.kind && candidate.group === group);
  if (!kind) return customScale(ref, namespace, caches);
  const owner = caches.get(kind, keyFrom({ namespace, name: ref.name }));
  if (!owner || owner.metadata.uid !== ref.uid) return undefined;
  // A replica set of a deployment wants what the deployment wants: while it rolls, both of its sets count once.
  const above = kind === kinds.replicaSets ? controllerOf(owner) : undefined;
  if (above?.kind === 'Deployment') return scaleOf(above, namespace, caches);
  return { uid: ref.uid, replicas: replicasOf(owner) };
}

function replicasOf(owner: KubeObject): number {
  const { spec } = owner as { spec?: { replicas?: number } };
  return spec?.replicas ?? 1;
}

function customScale(ref: OwnerReference, namespace: string, caches: Caches): Scale | string | undefined {
  const { group, version } = parseApiVersion(ref.apiVersion);
  const known = builtInResources.find((resource) => resource.group === group && resource.kind === ref.kind);
  if (known) return `${kindId(known)} does not implement the scale subresource`;
  const [definition] = caches.byIndex(kinds.customResourceDefinitions, definedKindIndex, `${group}/${ref.kind}`);
  if (!definition) return `no matches for kind "${ref.kind}" in version "${ref.apiVersion}"`;
  const { spec } = definition as Definition;
  const resource = spec.names.plural;
  const path = spec.versions.find(({ name }) => name === version)?.subresources?.scale?.specReplicasPath;
  if (path === undefined) return `${kindId({ group, resource })} does not implement the scale subresource`;
  const kind: Kind = { group, version, resource, kind: ref.kind, namespaced: true };
  const owner = caches.has(kind) ? caches.get(kind, keyFrom({ namespace, name: ref.name })) : undefined;
  return owner?.metadata.uid === ref.uid ? { uid: ref.uid, replicas: numberAt(owner, path) } : undefined;
}

/** The value at a path of fields: `.spec.replicas`. Absent counts as 0, as a Scale shows it. */
function numberAt(object: KubeObject, path: string): number {
  let value: unknown = object;
  for (const field of path.split('.').filter((part) => part !== '')) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;
  }
  return typeof value === 'number' ? value : 0;
}

/** Budgets to look at after something that owns pods came, went, or was scaled. */
export function budgetsOfOwner({ before, after }: Change, caches: Caches): ObjectKey[] {
  if (before && after && before.metadata.uid === after.metadata.uid && !isScaled(before, after)) return [];
  return budgetsOfPodsBelow(after ?? before, caches);
}

function isScaled(before: KubeObject, after: KubeObject): boolean {
  return (
    before.metadata.generation !== after.metadata.generation || controllerOf(before)?.uid !== controllerOf(after)?.uid
  );
}

/** Budgets of the pods of an owner, or of its replica sets. */
export function budgetsOfPodsBelow(owner: KubeObject | undefined, caches: Caches): ObjectKey[] {
  const { uid, namespace } = owner?.metadata ?? {};
  if (!uid || caches.inNamespace(kinds.podDisruptionBudgets, namespace ?? '').length === 0) return [];
  const below = [uid, ...caches.ownedBy(kinds.replicaSets, uid).map(({ metadata }) => metadata.uid ?? '')];
  const pods = below.flatMap((each) => caches.ownedBy(kinds.pods, each));
  return [...new Set(pods.flatMap((pod) => budgetsOfPod(pod, caches).map(keyOf)))];
}

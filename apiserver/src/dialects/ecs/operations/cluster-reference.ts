import { clusterOfArn, nameFrom } from '../identity/arns.ts';
import { objectName } from '../identity/object-names.ts';
import type { ClusterObject } from '../kinds.ts';
import { clusterInactive, clusterNotFound, invalidParameter } from '../wire/ecs-error.ts';
import type { OperationContext } from './context.ts';

export interface ClusterReference {
  /** ECS' name. */
  readonly name: string;
  /** Where its tasks and services live. */
  readonly namespace: string;
  readonly object: ClusterObject;
}

export const defaultCluster = 'default';

/** Throws EcsError ClusterNotFoundException. */
export function clusterOf(reference: string | undefined, context: OperationContext): ClusterReference {
  const found = findCluster(reference, context);
  if (!found) throw clusterNotFound();
  return found;
}

/** One that takes something new. Throws EcsError ClusterNotFoundException for one that is on its way out, too. */
export function activeClusterOf(reference: string | undefined, context: OperationContext): ClusterReference {
  const found = clusterOf(reference, context);
  if (found.object.metadata.deletionTimestamp !== undefined) throw clusterInactive();
  return found;
}

export function findCluster(
  reference: string | undefined,
  { objects }: OperationContext,
): ClusterReference | undefined {
  const name = nameFrom('cluster', reference ?? defaultCluster);
  if (name === '') throw invalidParameter('Cluster can not be blank.');
  const namespace = objectName('cluster', name);
  const object = objects.resolve<ClusterObject>('Cluster', { name: namespace });
  return object && clusterNameOf(object) === name ? { name, namespace, object } : undefined;
}

export function clusterNameOf({ metadata, spec }: ClusterObject): string {
  return spec.clusterName ?? metadata.name ?? '';
}

/** A thing in a cluster, by its short name or an ARN, which must then be of this cluster. Undefined when it is of another one. */
export function nameInCluster(kind: string, reference: string, cluster: ClusterReference): string | undefined {
  const named = clusterOfArn(reference);
  const name = nameFrom(kind, reference);
  return named === undefined || named === cluster.name ? name : undefined;
}

/** Revisions are numbered in annotations; `kubectl rollout history` and `undo` read them. */
import type { Deployment, ReplicaSet } from '@slipway/api/types';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

/** Annotations of a deployment that are not those of its replica sets. */
const notCopied: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
]);

/** Bound on the list of former revisions in one annotation. */
const historyLengthMax = 2000;

export function revisionOf(object: ReplicaSet | Deployment): number {
  const revision = Number(object.metadata.annotations?.[revisionAnnotation] ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}

export function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1;
}

type Annotations = Readonly<Record<string, string>>;

/** What the annotations of the current replica set lack; empty when they are right. */
export function newReplicaSetAnnotations(
  deployment: Deployment,
  existing: Annotations,
  revision: number,
): Record<string, string> {
  const missing: Record<string, string> = {};
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!notCopied.has(name) && existing[name] !== value) missing[name] = value;
  }
  const had = existing[revisionAnnotation];
  if (had === undefined || Number(had) < revision) {
    missing[revisionAnnotation] = String(revision);
    if (had !== undefined) missing[revisionHistoryAnnotation] = history(existing[revisionHistoryAnnotation], had);
  }
  return missing;
}

function history(former: string | undefined, revision: string): string {
  const revisions = former ? former.split(',') : [];
  revisions.push(revision);
  while (revisions.join(',').length > historyLengthMax) revisions.shift();
  return revisions.join(',');
}

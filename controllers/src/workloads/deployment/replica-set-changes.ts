import type { Deployment, ReplicaSet } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { EventPhrase, Step } from '../../runtime/step.ts';
import { type Bounds, boundsOf } from './bounds.ts';
import { desiredReplicasAnnotation, maxReplicasAnnotation } from './revisions.ts';
import type { Sized, Sizes } from './rollout.ts';

interface Change {
  readonly replicaSet: ReplicaSet;
  readonly annotations: Record<string, string>;
  readonly spec: { replicas?: number; minReadySeconds?: number };
}

/** Collects what is to change on replica sets, so that each is written once. */
export class ReplicaSetChanges {
  readonly #deployment: Deployment;
  readonly #bounds: Bounds;
  readonly #changes = new Map<ReplicaSet, Change>();

  constructor(deployment: Deployment) {
    this.#deployment = deployment;
    this.#bounds = boundsOf(deployment);
  }

  /** For replica sets that `sizes` names: the size, and the annotations that tell what it was computed from. */
  resize(sets: readonly ReplicaSet[], sizes: Sizes): void {
    for (const replicaSet of sets) {
      const size = sizes.get(replicaSet.metadata.uid ?? '');
      if (size === undefined) continue;
      this.annotate(replicaSet, this.sizeAnnotations());
      if (size !== (replicaSet.spec.replicas ?? 1)) this.#of(replicaSet).spec.replicas = size;
    }
  }

  annotate(replicaSet: ReplicaSet, annotations: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(annotations)) {
      if (replicaSet.metadata.annotations?.[name] !== value) this.#of(replicaSet).annotations[name] = value;
    }
  }

  setMinReadySeconds(replicaSet: ReplicaSet, seconds: number): void {
    if ((replicaSet.spec.minReadySeconds ?? 0) !== seconds) this.#of(replicaSet).spec.minReadySeconds = seconds;
  }

  sizeAnnotations(): Record<string, string> {
    const { replicas, maxSurge } = this.#bounds;
    return {
      [desiredReplicasAnnotation]: String(replicas),
      [maxReplicasAnnotation]: String(replicas + maxSurge),
    };
  }

  /** Growing comes before shrinking. */
  steps(): Step[] {
    const growth = ({ replicaSet, spec }: Change) => (spec.replicas ?? 0) - (replicaSet.spec.replicas ?? 1);
    return [...this.#changes.values()].sort((a, b) => growth(b) - growth(a)).map((change) => this.#step(change));
  }

  #step({ replicaSet, annotations, spec }: Change): Step {
    const patch = {
      ...(Object.keys(annotations).length > 0 ? { metadata: { annotations } } : {}),
      ...(Object.keys(spec).length > 0 ? { spec } : {}),
    };
    const step = { op: 'patch', kind: kinds.replicaSets, target: replicaSet, patch } as const;
    if (spec.replicas === undefined) return step;
    return { ...step, tells: { about: this.#deployment, done: scalingEvent(replicaSet, spec.replicas) } };
  }

  #of(replicaSet: ReplicaSet): Change {
    let change = this.#changes.get(replicaSet);
    if (!change) {
      change = { replicaSet, annotations: {}, spec: {} };
      this.#changes.set(replicaSet, change);
    }
    return change;
  }
}

export function scalingEvent(replicaSet: ReplicaSet, to: number, from = replicaSet.spec.replicas ?? 1): EventPhrase {
  const direction = to > from ? 'up' : 'down';
  const message = `Scaled ${direction} replica set ${replicaSet.metadata.name} from ${from} to ${to}`;
  return { type: 'Normal', reason: 'ScalingReplicaSet', message };
}

export function sizedFrom(replicaSet: ReplicaSet): Sized {
  const { metadata, spec, status } = replicaSet;
  const size = spec.replicas ?? 1;
  return {
    id: metadata.uid ?? '',
    size,
    // A status from before the last scaling down still counts pods that are about to go.
    available: Math.min(size, status?.availableReplicas ?? 0),
    createdMs: Date.parse(metadata.creationTimestamp ?? ''),
    desired: numberAt(metadata.annotations?.[desiredReplicasAnnotation]),
    max: numberAt(metadata.annotations?.[maxReplicasAnnotation]),
  };
}

function numberAt(text: string | undefined): number | undefined {
  const number = Number(text);
  return text === undefined || !Number.isSafeInteger(number) ? undefined : number;
}

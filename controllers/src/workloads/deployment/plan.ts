/**
 * One look at a deployment. As upstream does it, one thing at a time: claim replica sets, or follow a change of scale,
 * or make the current replica set, or grow it, or shrink former ones, or clean up. The next look goes on from there.
 */
import { matcherOf } from '@slipway/api/selector';
import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { messageOf } from '@slipway/kit/errors';
import { isStale } from '../../runtime/stale.ts';
import { claimChildren } from '../../runtime/claim.ts';
import type { Plan, Step } from '../../runtime/step.ts';
import { isPodFinished } from '../pod-readiness.ts';
import { boundsOf, isRollingUpdate, progressDeadlineMs, revisionHistoryLimit } from './bounds.ts';
import {
  conditionOf,
  countedStatus,
  deadlineInMs,
  isComplete,
  type RolloutView,
  rolloutStatus,
  withCondition,
} from './deployment-status.ts';
import type { ObservedDeployment } from './observe.ts';
import { ReplicaSetChanges, scalingEvent, sizedFrom } from './replica-set-changes.ts';
import { newReplicaSet } from './replica-set-template.ts';
import { newReplicaSetAnnotations, nextRevision, revisionAnnotation, revisionOf } from './revisions.ts';
import { newSize, scaleInProportion, scaleNew, scaleOldDown } from './rollout.ts';
import { sameTemplate } from '../template-hash.ts';

export function planDeployment(observed: ObservedDeployment, nowMs: number): Plan<DeploymentStatus> {
  const deployment = withPauseCondition(observed.deployment, nowMs);
  const owner = { kind: kinds.deployments, object: deployment, matcher: matcherOf(deployment.spec.selector) };
  const { claimed, steps } = claimChildren(owner, kinds.replicaSets, observed);
  if (steps.length > 0) return { steps, status: 'unchanged' };
  const rollout = new Rollout(deployment, claimed, observed, nowMs);
  if (deployment.metadata.deletionTimestamp) return { steps: [], status: countedStatus(rollout.view(), nowMs) };
  if (deployment.spec.paused || rollout.isScaled()) return rollout.planScale();
  return isRollingUpdate(deployment.spec) ? rollout.planRollingUpdate() : rollout.planRecreate();
}

class Rollout {
  readonly #deployment: Deployment;
  readonly #observed: ObservedDeployment;
  readonly #nowMs: number;
  readonly #current: ReplicaSet | undefined;
  readonly #old: readonly ReplicaSet[];
  readonly #changes: ReplicaSetChanges;

  constructor(deployment: Deployment, claimed: readonly ReplicaSet[], observed: ObservedDeployment, nowMs: number) {
    const oldestFirst = claimed.toSorted(byCreation);
    this.#deployment = deployment;
    this.#observed = observed;
    this.#nowMs = nowMs;
    this.#current = oldestFirst.find(
      (set) => set.spec.template && sameTemplate(set.spec.template, deployment.spec.template),
    );
    this.#old = oldestFirst.filter((set) => set !== this.#current);
    this.#changes = new ReplicaSetChanges(deployment);
  }

  view(created?: ReplicaSet): RolloutView {
    const current = this.#current ?? created;
    return { deployment: this.#deployment, current, all: [...this.#old, ...(current ? [current] : [])] };
  }

  /** The deployment was scaled since its replica sets were: they are to follow before the rollout goes on. */
  isScaled(): boolean {
    return this.view().all.some((set) => {
      const { size, desired } = sizedFrom(set);
      return size > 0 && desired !== undefined && desired !== boundsOf(this.#deployment).replicas;
    });
  }

  planScale(): Plan<DeploymentStatus> {
    const current = this.#current && sizedFrom(this.#current);
    const isRolling = isRollingUpdate(this.#deployment.spec);
    const sets = { current, old: this.#old.map(sizedFrom) };
    const cleanUp = this.#deployment.spec.paused ? this.#cleanUp() : [];
    const revision = this.#reviseCurrent();
    this.#changes.resize(this.view().all, scaleInProportion(sets, boundsOf(this.#deployment), isRolling));
    return {
      steps: [...revision, ...this.#changes.steps(), ...cleanUp],
      status: countedStatus(this.view(), this.#nowMs),
    };
  }

  planRollingUpdate(): Plan<DeploymentStatus> {
    if (!this.#current) return this.#planCreate();
    const bounds = boundsOf(this.#deployment);
    const revision = this.#reviseCurrent();
    const current = sizedFrom(this.#current);
    const old = this.#old.map(sizedFrom);
    const grown = scaleNew(current, [...old, current], bounds);
    this.#changes.resize(this.view().all, grown.size > 0 ? grown : scaleOldDown(old, current, bounds));
    return this.#planRollout([...revision, ...this.#changes.steps()]);
  }

  planRecreate(): Plan<DeploymentStatus> {
    const active = this.#old.filter((set) => (set.spec.replicas ?? 1) > 0);
    if (active.length > 0) {
      this.#changes.resize(active, new Map(active.map((set) => [set.metadata.uid ?? '', 0])));
      return this.#planRollout(this.#changes.steps());
    }
    if (this.#isOldRunning()) return this.#planRollout([]);
    if (!this.#current) return this.#planCreate();
    const revision = this.#reviseCurrent();
    const { replicas } = boundsOf(this.#deployment);
    const { id, size } = sizedFrom(this.#current);
    this.#changes.resize([this.#current], size === replicas ? new Map() : new Map([[id, replicas]]));
    return this.#planRollout([...revision, ...this.#changes.steps()]);
  }

  #planRollout(steps: readonly Step[]): Plan<DeploymentStatus> {
    const found = withFound(this.view(), this.#nowMs);
    const status = rolloutStatus(found, this.#nowMs);
    const cleanUp = steps.length === 0 && isComplete(this.#deployment, status) ? this.#cleanUp() : [];
    const afterMs = deadlineInMs(this.#deployment, status, this.#nowMs);
    return { steps: [...steps, ...cleanUp], status, ...(afterMs === undefined ? {} : { again: { afterMs } }) };
  }

  #planCreate(): Plan<DeploymentStatus> {
    if (this.#observed.named) return this.#planCollision();
    const deployment = this.#deployment;
    const bounds = boundsOf(deployment);
    const replicas = isRollingUpdate(deployment.spec) ? newSize(0, this.#old.map(sizedFrom), bounds) : bounds.replicas;
    const revision = nextRevision(this.#old);
    const annotations = {
      ...newReplicaSetAnnotations(deployment, {}, revision),
      ...this.#changes.sizeAnnotations(),
    };
    const created = newReplicaSet(deployment, replicas, annotations);
    const { name } = created.metadata;
    const create: Step = {
      op: 'create',
      kind: kinds.replicaSets,
      object: created,
      tells: {
        about: deployment,
        ...(replicas > 0 ? { done: scalingEvent(created, replicas, 0) } : {}),
        failed: {
          type: 'Warning',
          reason: 'ReplicaSetCreateError',
          message: `Failed to create new replica set "${name}": {error}`,
        },
      },
    };
    const text = { status: 'True', reason: 'NewReplicaSetCreated', message: `Created new replica set "${name}"` };
    const view = this.view(created);
    const status = rolloutStatus(withProgress(view, text, this.#nowMs), this.#nowMs);
    const afterMs = deadlineInMs(deployment, status, this.#nowMs);
    return {
      steps: [create, ...this.#reviseDeployment(revision)],
      status,
      statusAfterFailure: ({ step, error }) => {
        if (step.op !== 'create' || isStale(error)) return 'unchanged';
        const failure = { status: 'False', reason: 'ReplicaSetCreateError', message: messageOf(error) };
        const failed = withProgress(this.view(), failure, this.#nowMs);
        return countedStatus(failed, this.#nowMs);
      },
      ...(afterMs === undefined ? {} : { again: { afterMs } }),
    };
  }

  /** The name is another's. The count goes into the next hash, and with it into the next name. */
  #planCollision(): Plan<DeploymentStatus> {
    const status = countedStatus(this.view(), this.#nowMs);
    return { steps: [], status: { ...status, collisionCount: (status.collisionCount ?? 0) + 1 } };
  }

  /** The current replica set has the highest revision and the deployment's annotations and `minReadySeconds`. */
  #reviseCurrent(): Step[] {
    if (!this.#current) return [];
    const revision = nextRevision(this.#old);
    const existing = this.#current.metadata.annotations ?? {};
    const annotations = newReplicaSetAnnotations(this.#deployment, existing, revision);
    this.#changes.annotate(this.#current, annotations);
    this.#changes.setMinReadySeconds(this.#current, this.#deployment.spec.minReadySeconds ?? 0);
    return this.#reviseDeployment(Number(annotations[revisionAnnotation] ?? existing[revisionAnnotation] ?? revision));
  }

  #reviseDeployment(revision: number): Step[] {
    if (revisionOf(this.#deployment) === revision) return [];
    const patch = { metadata: { annotations: { [revisionAnnotation]: String(revision) } } };
    return [{ op: 'patch', kind: kinds.deployments, target: this.#observed.deployment, patch }];
  }

  /** Former replica sets beyond the history's limit, that of the lowest revision first. */
  #cleanUp(): Step[] {
    const alive = this.#old.filter((set) => !set.metadata.deletionTimestamp);
    const surplus = alive.length - revisionHistoryLimit(this.#deployment);
    if (surplus <= 0) return [];
    return alive
      .toSorted((a, b) => revisionOf(a) - revisionOf(b))
      .slice(0, surplus)
      .filter(isEmpty)
      .map((target) => ({ op: 'delete', kind: kinds.replicaSets, target }));
  }

  /** Recreate waits until no pod of a former template is left, terminating ones included. */
  #isOldRunning(): boolean {
    if (this.#old.some((set) => (set.status?.replicas ?? 0) > 0)) return true;
    const isLeft = (pod: Pod) => !isPodFinished(pod);
    return this.#old.some((set) => this.#observed.podsOf.get(set.metadata.uid ?? '')?.some(isLeft));
  }
}

function isEmpty({ spec, status, metadata }: ReplicaSet): boolean {
  const isSettled = (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0);
  return (status?.replicas ?? 0) === 0 && (spec.replicas ?? 1) === 0 && isSettled;
}

function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const byTime = Date.parse(a.metadata.creationTimestamp ?? '') - Date.parse(b.metadata.creationTimestamp ?? '');
  return byTime || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
}

/** Pausing and resuming stops and restarts the clock of the deadline; a deadline that was missed stays missed. */
function withPauseCondition(deployment: Deployment, nowMs: number): Deployment {
  const condition = conditionOf(deployment.status, 'Progressing');
  const isPaused = deployment.spec.paused === true;
  const saysPaused = condition?.reason === 'DeploymentPaused';
  if (progressDeadlineMs(deployment) === undefined || isPaused === saysPaused) return deployment;
  if (condition?.reason === 'ProgressDeadlineExceeded') return deployment;
  const text = isPaused
    ? { status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' }
    : { status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' };
  const status = withCondition(deployment.status ?? {}, { type: 'Progressing', ...text }, nowMs);
  return { ...deployment, status };
}

/** A current replica set that was there before the deployment spoke of progress: after an undo, or an adoption. */
function withFound(view: RolloutView, nowMs: number): RolloutView {
  const { current, deployment } = view;
  if (!current || conditionOf(deployment.status, 'Progressing')) return view;
  const message = `Found new replica set "${current.metadata.name}"`;
  return withProgress(view, { status: 'True', reason: 'FoundNewReplicaSet', message }, nowMs);
}

function withProgress(
  view: RolloutView,
  text: { readonly status: string; readonly reason: string; readonly message: string },
  nowMs: number,
): RolloutView {
  if (progressDeadlineMs(view.deployment) === undefined) return view;
  const status = withCondition(view.deployment.status ?? {}, { type: 'Progressing', ...text }, nowMs);
  return { ...view, deployment: { ...view.deployment, status } };
}

/**
 * One look at a StatefulSet, in upstream's order: every place gets its pod, the lowest ordinal first; then pods without a
 * place go, the highest first; then pods of a former template are replaced, the highest first. Where the set is ordered,
 * the first pod that is not available ends the look: what comes after it waits.
 */
import { matcherOf } from '@slipway/api/selector';
import type { ControllerRevision, Pod, StatefulSet, StatefulSetStatus } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { claimChildren } from '../../runtime/claim.ts';
import type { Plan, Step } from '../../runtime/step.ts';
import { nextRemovalInMs } from '../failed-pods.ts';
import { isPodFinished, isPodReady, nextAvailableInMs, soonest } from '../pod-readiness.ts';
import { withReplicaFailure } from '../replica-failure.ts';
import { forgetOld, historyOf } from '../revision-history.ts';
import { type Claims, leavingClaim, missingClaims, retainClaims } from './claims.ts';
import { identityLabels, newPod, ordinalOf, podName, revisionOf } from './identity.ts';
import type { ObservedStatefulSet } from './observe.ts';
import { type Places, placesOf, type RollingBounds, rollingBounds, type Slot } from './ordinals.ts';
import { isAvailable, type RevisionsInUse, statefulSetStatus } from './statefulset-status.ts';
import { isStuck } from './stuck-pod.ts';

/** On the revisions of StatefulSets. */
const hashLabel = 'controller.kubernetes.io/hash';
/** Pods made or removed before the next look: a change of mind about a huge set is noticed after these. */
const stepsMax = 2000;

export function planStatefulSet(observed: ObservedStatefulSet, nowMs: number): Plan<StatefulSetStatus> {
  const { set, claims } = observed;
  const owner = { kind: kinds.statefulSets, object: set, matcher: matcherOf(set.spec.selector) };
  const pods = claimChildren(owner, kinds.pods, observed.pods);
  const remembered = claimChildren(owner, kinds.controllerRevisions, observed.revisions);
  const claiming = [...pods.steps, ...remembered.steps];
  if (claiming.length > 0) return { steps: claiming, status: 'unchanged' };
  const history = historyOf(set, remembered.claimed, observed.named, hashLabel);
  if (!history) return { steps: [], status: withCollision(set) };
  const { update, revisions } = history;
  const current = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update;
  const members = pods.claimed.filter((pod) => ordinalOf(set, pod) !== undefined);
  const status = statefulSetStatus(set, members, { current, update }, nowMs);
  if (set.metadata.deletionTimestamp) return { steps: [], status };
  const inUse = new Set([status.currentRevision, status.updateRevision, ...members.map(revisionOf)]);
  const forgotten = forgetOld(
    revisions,
    ({ metadata }) => inUse.has(metadata.name),
    set.spec.revisionHistoryLimit ?? 10,
  );
  const isRemovable = ({ metadata }: Pod) => (observed.removableMs.get(metadata.name ?? '') ?? nowMs) <= nowMs;
  const look = new Look({
    set,
    revisions: { current, update },
    places: placesOf(set, members),
    claims,
    isRemovable,
    nowMs,
  });
  const afterMs = soonest(
    nextAvailableInMs(members, set.spec.minReadySeconds ?? 0, nowMs),
    nextRemovalInMs(observed.removableMs, nowMs),
  );
  return {
    steps: [...history.steps, ...look.steps(), ...forgotten],
    status,
    statusAfterFailure: (failure) =>
      isAboutHistory(failure.step) ? 'unchanged' : withReplicaFailure(status, set.status, failure, nowMs),
    ...(afterMs === undefined ? {} : { again: { afterMs } }),
  };
}

/** What a place, or a pod without one, asks for; and whether whatever comes after it has to wait. */
interface Turn {
  readonly steps: readonly Step[];
  readonly holdsUp: boolean;
}

const goOn: Turn = { steps: [], holdsUp: false };
const wait: Turn = { steps: [], holdsUp: true };

interface Seen {
  readonly set: StatefulSet;
  readonly revisions: RevisionsInUse;
  readonly places: Places;
  readonly claims: Claims;
  /** A pod that ended is left for a while when the one before it in its place ended too. */
  readonly isRemovable: (pod: Pod) => boolean;
  readonly nowMs: number;
}

class Look {
  readonly #set: StatefulSet;
  readonly #revisions: RevisionsInUse;
  readonly #places: Places;
  readonly #claims: Claims;
  readonly #isRemovable: (pod: Pod) => boolean;
  readonly #nowMs: number;
  readonly #isOrdered: boolean;
  readonly #bounds: RollingBounds | undefined;

  constructor(seen: Seen) {
    this.#set = seen.set;
    this.#revisions = seen.revisions;
    this.#places = seen.places;
    this.#claims = seen.claims;
    this.#isRemovable = seen.isRemovable;
    this.#nowMs = seen.nowMs;
    this.#isOrdered = seen.set.spec.podManagementPolicy !== 'Parallel';
    this.#bounds = rollingBounds(seen.set);
  }

  steps(): readonly Step[] {
    const { slots, surplus } = this.#places;
    const filled = this.#inTurn(slots, (slot) => this.#fill(slot));
    if (filled.holdsUp) return filled.steps;
    const retained = surplus.flatMap(({ pod, ordinal }) => retainClaims(this.#set, pod, ordinal, true, this.#claims));
    const emptied = this.#inTurn(surplus, ({ pod }) => this.#scaleAway(pod));
    const before = [...filled.steps, ...retained, ...emptied.steps];
    return emptied.holdsUp ? before : [...before, ...this.#roll(filled.steps)];
  }

  /** All at once, or one after the other where the set is ordered. */
  #inTurn<T>(items: readonly T[], turnOf: (item: T) => Turn): Turn {
    const steps: Step[] = [];
    for (const item of items) {
      const turn = turnOf(item);
      steps.push(...turn.steps);
      if (this.#isOrdered && turn.holdsUp) return { steps, holdsUp: true };
      if (steps.length > stepsMax) break;
    }
    // Claims first: neighbours of a kind are written together.
    return { steps: this.#isOrdered ? steps : claimsFirst(steps), holdsUp: false };
  }

  #fill({ ordinal, pod }: Slot): Turn {
    if (!pod) return this.#create(ordinal);
    const isLeaving = pod.metadata.deletionTimestamp !== undefined;
    if (isPodFinished(pod)) {
      return isLeaving || !this.#isRemovable(pod) ? wait : { steps: [this.#delete(pod)], holdsUp: true };
    }
    const claims = pod.status?.phase === 'Pending' ? missingClaims(this.#set, ordinal, this.#claims) : [];
    if (isLeaving) return { steps: claims, holdsUp: true };
    if (this.#isToMakeWay(ordinal, pod)) return { steps: [this.#delete(pod)], holdsUp: true };
    if (this.#isOrdered && !isAvailable(this.#set, pod, this.#nowMs)) return { steps: claims, holdsUp: true };
    const retained = retainClaims(this.#set, pod, ordinal, false, this.#claims);
    return { steps: [...claims, ...retained, ...this.#identify(pod, ordinal)], holdsUp: false };
  }

  #create(ordinal: number): Turn {
    const set = this.#set;
    const claim = leavingClaim(set, ordinal, this.#claims);
    if (claim) {
      const why = `pvc ${claim.metadata.name} is being deleted`;
      const message = podMessage('create', set, podName(set, ordinal), `failed error: ${why}`);
      return { steps: [{ op: 'event', about: set, type: 'Warning', reason: 'FailedCreate', message }], holdsUp: true };
    }
    const pod = newPod(set, ordinal, this.#revisionFor(ordinal));
    const create: Step = { op: 'create', kind: kinds.pods, object: pod, tells: podTells('create', set, pod) };
    return { steps: [...missingClaims(set, ordinal, this.#claims), create], holdsUp: true };
  }

  /** Pods below the partition keep the former template, also when they are made anew. */
  #revisionFor(ordinal: number): ControllerRevision {
    const { current, update } = this.#revisions;
    return this.#bounds && ordinal < this.#bounds.firstUpdated ? current : update;
  }

  #isOutdated({ ordinal, pod }: Slot): boolean {
    if (!pod || !this.#bounds || ordinal < this.#bounds.firstUpdated) return false;
    return !pod.metadata.deletionTimestamp && revisionOf(pod) !== this.#revisions.update.metadata.name;
  }

  /** It does not serve, as it cannot run or is left from a rollout that was given up; and another template is wanted for it. */
  #isToMakeWay(ordinal: number, pod: Pod): boolean {
    if (!this.#isOutdated({ ordinal, pod }) || isPodReady(pod)) return false;
    const revision = revisionOf(pod);
    const isGivenUp = revision !== undefined && revision !== this.#revisions.current.metadata.name;
    return isGivenUp || isStuck(pod);
  }

  /** An adopted pod may lack the labels of its place. */
  #identify(pod: Pod, ordinal: number): Step[] {
    const labels = identityLabels(this.#set, ordinal);
    if (Object.entries(labels).every(([name, value]) => pod.metadata.labels?.[name] === value)) return [];
    const tells = podTells('update', this.#set, pod);
    return [{ op: 'patch', kind: kinds.pods, target: pod, patch: { metadata: { labels } }, tells }];
  }

  #scaleAway(pod: Pod): Turn {
    if (pod.metadata.deletionTimestamp) return this.#isOrdered ? wait : goOn;
    // One that is unavailable while a lower one is too: the set is in trouble, and going on could make that worse.
    const isHeld = this.#isOrdered && !isAvailable(this.#set, pod, this.#nowMs) && pod !== this.#firstUnavailable();
    return isHeld ? wait : { steps: [this.#delete(pod)], holdsUp: true };
  }

  #firstUnavailable(): Pod | undefined {
    const pods = [...this.#places.slots, ...this.#places.surplus.toReversed()].map(({ pod }) => pod);
    return pods.find((pod) => pod && !isAvailable(this.#set, pod, this.#nowMs));
  }

  /** Makes room for pods of the new template, as far as enough of the set stays available: what does not serve goes first. */
  #roll(before: readonly Step[]): Step[] {
    if (!this.#bounds) return [];
    const gone = new Set(before.map((step) => (step.op === 'delete' ? step.target : undefined)));
    const { slots } = this.#places;
    const unavailable = slots.filter(({ pod }) => !pod || !this.#serves(pod)).length;
    const outdated = slots.filter((slot) => this.#isOutdated(slot) && !gone.has(slot.pod)).reverse();
    const [serving, idle] = split(outdated, ({ pod }) => pod !== undefined && this.#serves(pod));
    const { maxUnavailable } = this.#bounds;
    // Idle ones of the former template are not waited for: that they do not serve may be what the new template mends.
    const chosen = [
      ...idle.slice(0, Math.max(0, maxUnavailable - (unavailable - idle.length))),
      ...serving.slice(0, Math.max(0, maxUnavailable - unavailable)),
    ];
    return chosen.flatMap(({ pod }) => (pod ? [this.#delete(pod)] : []));
  }

  #serves(pod: Pod): boolean {
    return pod.metadata.deletionTimestamp === undefined && isAvailable(this.#set, pod, this.#nowMs);
  }

  #delete(pod: Pod): Step {
    return { op: 'delete', kind: kinds.pods, target: pod, tells: podTells('delete', this.#set, pod) };
  }
}

function split<T>(items: readonly T[], holds: (item: T) => boolean): readonly [T[], T[]] {
  return [items.filter(holds), items.filter((item) => !holds(item))];
}

type Verb = 'create' | 'update' | 'delete';

function podTells(verb: Verb, set: StatefulSet, { metadata: { name = '' } }: Pod) {
  const reason = `${verb.charAt(0).toUpperCase()}${verb.slice(1)}`;
  return {
    about: set,
    done: { type: 'Normal', reason: `Successful${reason}`, message: podMessage(verb, set, name, 'successful') },
    failed: {
      type: 'Warning',
      reason: `Failed${reason}`,
      message: podMessage(verb, set, name, 'failed error: {error}'),
    },
  } as const;
}

function podMessage(verb: Verb, set: StatefulSet, pod: string, outcome: string): string {
  return `${verb} Pod ${pod} in StatefulSet ${set.metadata.name} ${outcome}`;
}

function claimsFirst(steps: readonly Step[]): readonly Step[] {
  const isClaim = (step: Step) => step.op !== 'event' && step.kind === kinds.persistentVolumeClaims;
  return [...steps.filter(isClaim), ...steps.filter((step) => !isClaim(step))];
}

function isAboutHistory(step: Step): boolean {
  return step.op !== 'event' && step.kind === kinds.controllerRevisions;
}

/** The name of the next revision is another's. The count goes into its hash, and with it into another name. */
function withCollision({ status }: StatefulSet): StatefulSetStatus {
  return { replicas: 0, availableReplicas: 0, ...status, collisionCount: (status?.collisionCount ?? 0) + 1 };
}

/**
 * Deletes a pod unless a disruption budget holds it back.
 *
 * The budget is spent first, by a write that fails when somebody else has just spent from it: however many evictions run at once, they
 * never take more than it allows. Then the pod is marked as the target of a disruption, and deleted. When that fails, the budget is
 * a little smaller until the disruption controller finds the pod still there: an error on the side of caution.
 */
import { matcherOf, nothing } from '@slipway/api/selector';
import { isStatus, StatusError } from '@slipway/api/status-error';
import type { Eviction, KubeObject, Pod, PodDisruptionBudget } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import { checkPreconditions } from '../delete-object.ts';
import type { DeleteOptions } from '../finalizers.ts';
import type { ResourceStore } from '../resource-store.ts';
import { badRequest, notFound } from '../status-errors.ts';
import type { UpdateTarget } from '../update-object.ts';
import type { AdmissionHooks, WriteCall } from '../write-call.ts';
import { isFreeToGo, spentOn, stillProcessed } from './disruption-budget.ts';

/** What an eviction works with: the pods, and the budgets that may hold it back. */
export interface EvictionStores {
  readonly pods: ResourceStore;
  readonly budgets: ResourceStore;
}

/** A pod that changes under a delete is looked at again so often; each time somebody else has written it. */
const attemptsMax = 20;

/** Throws StatusError: TooManyRequests when the budget of the pod does not allow it, InternalError when it has several. */
export async function evictPod(
  stores: EvictionStores,
  { namespace, name }: UpdateTarget,
  object: KubeObject,
  call: WriteCall,
): Promise<void> {
  const { metadata, deleteOptions } = object as Eviction;
  if (metadata?.name && metadata.name !== name) {
    throw badRequest(`name in URL does not match name in Eviction object: ${name} != ${metadata.name}`);
  }
  const options = (deleteOptions ?? {}) as DeleteOptions;
  const dryRun = call.dryRun || (deleteOptions?.dryRun ?? []).length > 0;
  const eviction = new PodEviction(stores, namespace, options, { ...call, dryRun });
  for (let attempt = 1; ; attempt++) {
    try {
      return await eviction.run(name);
    } catch (error) {
      const isFinal = options.preconditions?.resourceVersion !== undefined || attempt === attemptsMax;
      if (!(error instanceof PodChanged) || isFinal) throw error instanceof PodChanged ? error.conflict : error;
    }
  }
}

/** A pod that nothing held back is another by now, and a budget may hold that one back. */
class PodChanged extends Error {
  override readonly name = 'PodChanged';
  readonly conflict: unknown;

  constructor(conflict: unknown) {
    super('the pod has changed');
    this.conflict = conflict;
  }
}

class PodEviction {
  readonly #stores: EvictionStores;
  readonly #namespace: string | undefined;
  readonly #options: DeleteOptions;
  readonly #call: WriteCall;

  constructor(stores: EvictionStores, namespace: string | undefined, options: DeleteOptions, call: WriteCall) {
    this.#stores = stores;
    this.#namespace = namespace;
    this.#options = options;
    this.#call = call;
  }

  async run(name: string): Promise<void> {
    const { pods } = this.#stores;
    const stored = await pods.get(this.#namespace, name, {}, this.#call);
    // What the caller means is checked before anything is spent.
    checkPreconditions(pods.strategy.resource, stored, this.#options);
    const pod = stored.object as Pod;
    if (isDone(pod)) {
      // Another pod may have started meanwhile, or this one become ready.
      const isPending = pod.status?.phase === 'Pending' && !pod.metadata.deletionTimestamp;
      return this.#delete(pod, isPending ? (conflict) => new PodChanged(conflict) : undefined);
    }
    const budget = await this.#budgetOf(pod);
    if (budget && isFreeToGo(pod, budget)) {
      return this.#delete(pod, () => stillProcessed(budget.metadata.name ?? ''));
    }
    if (budget) await this.#spend(pod, budget);
    await this.#delete(pod, undefined);
  }

  async #budgetOf(pod: Pod): Promise<PodDisruptionBudget | undefined> {
    const { labels = {} } = pod.metadata;
    const { items } = await this.#stores.budgets.list(this.#namespace, undefined, {}, this.#call);
    const matching = items
      .map((stored) => stored.object as PodDisruptionBudget)
      .filter(({ spec }) => isAbout(spec.selector, labels));
    if (matching.length > 1) {
      const detail = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
      throw new StatusError('InternalError', detail);
    }
    return matching[0];
  }

  async #spend(pod: Pod, { metadata }: PodDisruptionBudget): Promise<void> {
    const { budgets } = this.#stores;
    const target = { namespace: metadata.namespace, name: metadata.name ?? '', endpoint: 'status' } as const;
    const change = (old: KubeObject) => {
      const budget = structuredClone(old) as PodDisruptionBudget;
      budget.status = spentOn(pod.metadata.name ?? '', budget, budgets.nowMs());
      return budget;
    };
    await budgets.update(target, change, { ...this.#call, admission: noAdmission });
  }

  /** With `whenChanged`, only the pod as it was looked at, and that is thrown when it is another by now. */
  async #delete(pod: Pod, whenChanged: ((conflict: unknown) => Error) | undefined): Promise<void> {
    const asked = this.#options.preconditions;
    const { uid, resourceVersion } = pod.metadata;
    const isExact = whenChanged !== undefined || asked?.resourceVersion !== undefined;
    try {
      const marked = await this.#mark(pod, isExact ? resourceVersion : undefined);
      const exact = isExact && !this.#call.dryRun ? { resourceVersion: marked.metadata.resourceVersion } : {};
      const preconditions = { ...asked, ...(uid ? { uid } : {}), ...exact } as DeleteOptions['preconditions'];
      const options = { ...this.#options, ...(preconditions ? { preconditions } : {}) };
      const target = { namespace: this.#namespace, name: pod.metadata.name ?? '' };
      await this.#stores.pods.delete(target, options, this.#call);
    } catch (error) {
      if (!isStatus(error, 'Conflict') || asked) throw error;
      // Not to be exact and in conflict means that it is another pod: the one that was meant is gone.
      throw whenChanged ? whenChanged(error) : notFound(this.#stores.pods.strategy.resource, pod.metadata.name ?? '');
    }
  }

  /** What ended by itself was not disrupted. */
  async #mark(pod: Pod, resourceVersion: string | undefined): Promise<KubeObject> {
    if (isFinished(pod)) return pod;
    const { pods } = this.#stores;
    const { uid, name = '' } = pod.metadata;
    const preconditions = { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    const target = { namespace: this.#namespace, name, endpoint: 'status', preconditions } as const;
    const change = (old: KubeObject) => markedPod(old as Pod, pods.nowMs());
    const { stored, object } = await pods.update(target, change, { ...this.#call, admission: noAdmission });
    return stored?.object ?? object ?? pod;
  }
}

function markedPod(old: Pod, nowMs: number): Pod {
  const pod = structuredClone(old);
  const conditions = pod.status?.conditions ?? [];
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
    lastTransitionTime: formatTime(nowMs),
  };
  const former = conditions.find(({ type }) => type === condition.type);
  if (former?.status === 'True' && former.lastTransitionTime) condition.lastTransitionTime = former.lastTransitionTime;
  pod.status = { ...pod.status, conditions: [...conditions.filter((other) => other !== former), condition] };
  return pod;
}

/** What does not run yet, or no more, disrupts nobody by going. */
function isDone(pod: Pod): boolean {
  return isFinished(pod) || pod.status?.phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined;
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** A selector that selects everything is about no pod here, as upstream has it. */
function isAbout(selector: PodDisruptionBudget['spec']['selector'], labels: Readonly<Record<string, string>>): boolean {
  const matcher = selector ? matcherOf(selector) : nothing;
  return !matcher.isEverything && matcher.matches(labels);
}

/** Admission has let the eviction in; what follows from it is the server's own doing. */
const noAdmission: AdmissionHooks = {
  mutate() {},
  validate() {},
  review: () => Promise.resolve(),
  release: () => Promise.resolve(),
};

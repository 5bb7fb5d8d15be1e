import { matcherOf, nothing } from '@slipway/api/selector';
import { StatusError } from '@slipway/api/status-error';
import type { Eviction, KubeObject, Pod, PodDisruptionBudget } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import type { DeleteOptions } from '../finalizers.ts';
import type { ResourceStore } from '../resource-store.ts';
import { badRequest, forbidden } from '../status-errors.ts';
import type { UpdateTarget } from '../update-object.ts';
import type { AdmissionHooks, WriteCall } from '../write-call.ts';

/** What an eviction works with: the pods, and the budgets that may hold it back. */
export interface EvictionStores {
  readonly pods: ResourceStore;
  readonly budgets: ResourceStore;
}

const budgetResource = { group: 'policy', resource: 'poddisruptionbudgets' };
/** Evictions that the disruption controller has not confirmed; more would make the budget too large an object. */
const disruptedPodsMax = 2000;
const retryAfterSeconds = 10;

/** Deletes the pod with its grace, unless a disruption budget does not allow it. Throws StatusError TooManyRequests then. */
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
  const dryRun = call.dryRun || (deleteOptions?.dryRun ?? []).length > 0;
  const evicting = { ...call, dryRun };
  const { object: pod } = await stores.pods.get(namespace, name, {}, call);
  const budget = isDone(pod as Pod) ? undefined : await budgetOf(stores, pod, call);
  if (budget && !isFree(pod as Pod, budget)) await spendBudget(stores.budgets, pod, budget, evicting);
  await stores.pods.delete({ namespace, name }, (deleteOptions ?? {}) as DeleteOptions, evicting);
}

/** What does not run yet, or no more, disrupts nobody by going. */
function isDone({ metadata, status }: Pod): boolean {
  const phase = status?.phase ?? '';
  return ['Succeeded', 'Failed', 'Pending'].includes(phase) || metadata.deletionTimestamp !== undefined;
}

async function budgetOf({ budgets }: EvictionStores, pod: KubeObject, call: WriteCall) {
  const { namespace, labels = {} } = pod.metadata;
  if (Object.keys(labels).length === 0) return undefined;
  const { items } = await budgets.list(namespace, undefined, { resourceVersion: '0' }, call);
  const matching = items
    .map((stored) => stored.object as PodDisruptionBudget)
    .filter(({ spec }) => (spec.selector ? matcherOf(spec.selector) : nothing).matches(labels));
  if (matching.length > 1) {
    const detail = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new StatusError('InternalError', detail);
  }
  return matching[0];
}

/** A pod that is not ready may go where the budget says so, or where enough others are healthy. */
function isFree({ status }: Pod, { spec, status: counts }: PodDisruptionBudget): boolean {
  const isReady = status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True');
  if (isReady) return false;
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const desired = counts?.desiredHealthy ?? 0;
  return desired > 0 && (counts?.currentHealthy ?? 0) >= desired;
}

/** Admission has let the eviction in; what follows from it is the server's own doing. */
const noAdmission: AdmissionHooks = {
  mutate() {},
  validate() {},
  review: () => Promise.resolve(),
  release: () => Promise.resolve(),
};

async function spendBudget(
  budgets: ResourceStore,
  pod: KubeObject,
  { metadata }: PodDisruptionBudget,
  call: WriteCall,
): Promise<void> {
  const target = { namespace: metadata.namespace, name: metadata.name ?? '', endpoint: 'status' } as const;
  const change = (old: KubeObject) => {
    const draft = structuredClone(old) as PodDisruptionBudget;
    checkBudget(draft);
    const status = draft.status ?? {};
    const disruptedPods = { ...status.disruptedPods, [pod.metadata.name ?? '']: formatTime(budgets.nowMs()) };
    draft.status = { ...status, disruptionsAllowed: (status.disruptionsAllowed ?? 0) - 1, disruptedPods };
    return draft;
  };
  await budgets.update(target, change, { ...call, admission: noAdmission });
}

function checkBudget({ metadata, status = {} }: PodDisruptionBudget): void {
  const { name = '', generation = 0 } = metadata;
  const { observedGeneration = 0, disruptionsAllowed = 0, desiredHealthy = 0, currentHealthy = 0 } = status;
  if (observedGeneration < generation) {
    throw tooMany(`The disruption budget ${name} is still being processed by the server.`, retryAfterSeconds);
  }
  if (disruptionsAllowed < 0) throw forbidden(budgetResource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > disruptedPodsMax) {
    const reason = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbidden(budgetResource, name, reason);
  }
  if (disruptionsAllowed === 0) {
    throw tooMany(
      `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    );
  }
}

function tooMany(message: string, seconds?: number): StatusError {
  const text = "Cannot evict pod as it would violate the pod's disruption budget.";
  const causes = [{ reason: 'DisruptionBudget', message }];
  const details = { causes, ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }) };
  return new StatusError('TooManyRequests', text, { details });
}

import type { Namespace, NamespaceCondition, NamespaceStatus } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';

/** What is left of one resource in a namespace that is being deleted. */
export interface Remaining {
  /** `deployments.apps`; the core group ends with a bare dot, as upstream writes it. */
  readonly resource: string;
  readonly count: number;
  /** Finalizer → how many objects wait for it. */
  readonly finalizers: ReadonlyMap<string, number>;
  /** Seconds that the slowest of its pods may still take. */
  readonly graceSeconds: number;
}

export interface ObservedContent {
  readonly namespace: Namespace;
  readonly remaining: readonly Remaining[];
  /** What could not be deleted or counted, one text per resource. */
  readonly failures: readonly string[];
}

export interface NamespacePlan {
  readonly status: NamespaceStatus;
  /** Nothing is left: our finalizer may go, and the namespace with it. */
  readonly mayFinalize: boolean;
  readonly againAfterMs: number | undefined;
}

export const kubernetesFinalizer = 'kubernetes';

/** Looks come fast while the deletion is young and slow when something holds it up. */
const againMsMin = 200;
const againMsMax = 15_000;

export function planNamespace(observed: ObservedContent, nowMs: number): NamespacePlan {
  const { namespace, remaining, failures } = observed;
  const isEmpty = remaining.length === 0 && failures.length === 0;
  const ageMs = nowMs - Date.parse(namespace.metadata.deletionTimestamp ?? '');
  return {
    status: { ...namespace.status, phase: 'Terminating', conditions: conditionsOf(observed, nowMs) },
    mayFinalize: isEmpty,
    againAfterMs: isEmpty ? undefined : Math.min(againMsMax, Math.max(againMsMin, ageMs / 4)),
  };
}

type Text = Pick<NamespaceCondition, 'type' | 'status' | 'reason' | 'message'>;

function conditionsOf({ namespace, remaining, failures }: ObservedContent, nowMs: number): NamespaceCondition[] {
  const texts: readonly Text[] = [
    no('NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'),
    no(
      'NamespaceDeletionGroupVersionParsingFailure',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    contentFailure(failures),
    contentRemaining(remaining),
    finalizersRemaining(remaining),
  ];
  const now = formatTime(nowMs);
  const before = namespace.status?.conditions ?? [];
  const others = before.filter(({ type }) => !texts.some((text) => text.type === type));
  return [...others, ...texts.map((text) => dated(text, before, now))];
}

function dated(text: Text, before: readonly NamespaceCondition[], now: string): NamespaceCondition {
  const former = before.find(({ type }) => type === text.type);
  const isSame = former?.status === text.status;
  return { ...text, lastTransitionTime: isSame ? (former.lastTransitionTime ?? now) : now };
}

function no(type: string, reason: string, message: string): Text {
  return { type, status: 'False', reason, message };
}

function contentFailure(failures: readonly string[]): Text {
  const type = 'NamespaceDeletionContentFailure';
  if (failures.length === 0) {
    return no(type, 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization');
  }
  const message = `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`;
  return { type, status: 'True', reason: 'ContentDeletionFailed', message };
}

function contentRemaining(remaining: readonly Remaining[]): Text {
  const type = 'NamespaceContentRemaining';
  if (remaining.length === 0) return no(type, 'ContentRemoved', 'All content successfully removed');
  const counts = remaining.map(({ resource, count }) => `${resource} has ${count} resource instances`);
  const message = `Some resources are remaining: ${counts.sort().join(', ')}`;
  return { type, status: 'True', reason: 'SomeResourcesRemain', message };
}

function finalizersRemaining(remaining: readonly Remaining[]): Text {
  const type = 'NamespaceFinalizersRemaining';
  const counts = new Map<string, number>();
  for (const { finalizers } of remaining) {
    for (const [name, count] of finalizers) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  if (counts.size === 0) return no(type, 'ContentHasNoFinalizers', 'All content-preserving finalizers finished');
  const texts = [...counts].map(([name, count]) => `${name} in ${count} resource instances`);
  const message = `Some content in the namespace has finalizers remaining: ${texts.sort().join(', ')}`;
  return { type, status: 'True', reason: 'SomeFinalizersRemain', message };
}

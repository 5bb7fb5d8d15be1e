/**
 * Between two counts of the disruption controller, no more serving pods are evicted than the last count allowed. What an eviction
 * is, is read from the causes on the disk.
 */
import type { KubeObject, Pod } from '@slipway/api/types';
import { matcherOf } from '@slipway/api/selector';
import type { LedgerChange } from '../ledger.ts';
import { isTerminal } from '../parts/pod-on-node.ts';
import type { World } from '../world.ts';
import type { Checker } from './checker.ts';
import { isReady } from './replicas.ts';

interface Budget extends KubeObject {
  readonly spec: { readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> } };
  readonly status?: { readonly disruptionsAllowed?: number; readonly disruptedPods?: Readonly<Record<string, string>> };
}

/** An eviction that was on its way when the budget was made has not seen it. */
const youngMs = 15_000;

interface Count {
  readonly allowed: number;
  /** Evictions that this count knew of. */
  readonly known: ReadonlySet<string>;
  readonly sinceMs: number;
  readonly evicted: Set<string>;
}

const budgetsResource = 'policy/poddisruptionbudgets';

export function budgets(): Checker {
  const counts = new Map<string, Count>();
  return {
    name: 'budgets',
    changed: (change, world) => {
      if (change.resource === budgetsResource) return counted(change, world, counts);
      if (change.resource !== 'core/pods' || !isEviction(change)) return undefined;
      return evicted(change, world, counts);
    },
  };
}

/** The controller counted anew, or an eviction was entered. */
function counted(
  { type, object, revision, before, cause }: LedgerChange,
  world: World,
  counts: Map<string, Count>,
): string | undefined {
  const { metadata, status } = object as Budget;
  const uid = metadata.uid ?? '';
  const allowed = status?.disruptionsAllowed ?? 0;
  if (allowed < 0)
    return `budget ${metadata.namespace}/${metadata.name} allows ${allowed} disruptions at revision ${revision}`;
  const entered = (of: KubeObject | undefined) => Object.keys((of as Budget | undefined)?.status?.disruptedPods ?? {});
  const isEntry = before && entered(object).length > entered(before.object).length;
  const isCount = !isEntry && cause.includes('disruption-controller');
  if (type === 'put' && (isCount || !counts.has(uid))) {
    const sinceMs = counts.get(uid)?.sinceMs ?? world.clock.monotonicMs();
    counts.set(uid, { allowed, known: new Set(entered(object)), sinceMs, evicted: new Set() });
  }
  return undefined;
}

function evicted(
  { object, before, revision }: LedgerChange,
  world: World,
  counts: Map<string, Count>,
): string | undefined {
  const pod = before?.object as Pod | undefined;
  if (!pod || pod.metadata.deletionTimestamp || isTerminal(pod) || !isReady(pod)) return undefined;
  const { namespace, name = '', labels = {} } = object.metadata;
  for (const { metadata, spec } of world.ledger.list<Budget>(budgetsResource)) {
    if (metadata.namespace !== namespace || !spec.selector || !matcherOf(spec.selector).matches(labels)) continue;
    const count = counts.get(metadata.uid ?? '');
    if (!count || count.known.has(name) || world.clock.monotonicMs() - count.sinceMs < youngMs) continue;
    count.evicted.add(name);
    if (count.evicted.size <= count.allowed) continue;
    return `${[...count.evicted].join(', ')} were evicted by revision ${revision}, budget ${namespace}/${metadata.name} allowed ${count.allowed}`;
  }
  return undefined;
}

/** An eviction is created, and ends a pod by that. */
function isEviction({ type, object, before, cause }: LedgerChange): boolean {
  const isEnding =
    type === 'delete' || (object.metadata.deletionTimestamp && !before?.object.metadata.deletionTimestamp);
  return Boolean(isEnding) && (JSON.parse(cause) as { readonly verb?: string }).verb === 'create';
}

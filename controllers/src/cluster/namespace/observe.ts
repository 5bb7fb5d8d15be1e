import { isStatus } from '@slipway/api/status-error';
import type { KubeObject, Namespace, Pod } from '@slipway/api/types';
import type { Client } from '@slipway/client/client';
import { type Kind, kinds } from '@slipway/client/kinds';
import { messageOf } from '@slipway/kit/errors';
import type { ObservedContent, Remaining } from './plan.ts';

/** Objects counted per resource; more than this are reported as this many. */
const countMax = 500;

/**
 * Deletes what a namespace holds and says what is left. Pods go first, and the rest when they are gone: what runs keeps its network policy,
 * its quota and its secrets until it has ended (upstream's OrderedNamespaceDeletion). Asks the server, not the caches: a cache that is behind would
 * let a namespace go whose last object it has not seen yet.
 */
export async function deleteContent(
  namespace: Namespace,
  resources: readonly Kind[],
  client: Client,
  signal: AbortSignal,
): Promise<ObservedContent> {
  const name = namespace.metadata.name ?? '';
  const remaining: Remaining[] = [];
  const failures: string[] = [];
  const isPods = ({ group, resource }: Kind) => group === '' && resource === kinds.pods.resource;
  const podsFirst = resources.toSorted((a, b) => Number(isPods(b)) - Number(isPods(a)));
  for (const kind of podsFirst) {
    if (!isPods(kind) && remaining.some(({ resource }) => resource === podsText)) break;
    try {
      const items = await deleteAll(kind, name, client, signal);
      if (items.length > 0) remaining.push(remainingOf(kind, items));
    } catch (error) {
      if (signal.aborted) throw error;
      // A resource that is served no more holds nothing.
      if (!isStatus(error, 'NotFound', 'MethodNotAllowed')) failures.push(messageOf(error));
    }
  }
  return { namespace, remaining, failures };
}

async function deleteAll(
  kind: Kind,
  namespace: string,
  client: Client,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  const before = await client.list(kind, { namespace, limit: countMax, signal });
  if (before.items.length === 0) return [];
  if (before.items.some(({ metadata }) => !metadata.deletionTimestamp)) {
    await client.deleteCollection(kind, { namespace, propagationPolicy: 'Background', signal });
  }
  return (await client.list(kind, { namespace, limit: countMax, signal })).items;
}

function remainingOf(kind: Kind, items: readonly KubeObject[]): Remaining {
  const finalizers = new Map<string, number>();
  for (const { metadata } of items) {
    for (const name of metadata.finalizers ?? []) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
  }
  const graces = kind.resource === kinds.pods.resource ? items.map((pod) => graceSecondsOf(pod as Pod)) : [];
  const resource = textOf(kind);
  return { resource, count: items.length, finalizers, graceSeconds: Math.max(0, ...graces) };
}

const textOf = (kind: Kind) => `${kind.resource}.${kind.group}`;
const podsText = textOf(kinds.pods);

function graceSecondsOf({ spec }: Pod): number {
  return spec?.terminationGracePeriodSeconds ?? 0;
}

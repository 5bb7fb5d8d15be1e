import { StatusError } from '@slipway/api/status-error';
import type { Revision } from '../storage/backend.ts';
import { StorageError } from '../storage/backend.ts';
import type { ListOptions, StoredObject } from '../storage/object-store.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';
import { listPrefix, objectKey, type ResourceContext } from './resource-context.ts';
import type { Selection } from './selection.ts';
import { badRequest, tooLargeResourceVersion } from './status-errors.ts';
import { statusFromStorage, storageCall } from './storage-errors.ts';
import type { Call } from './write-call.ts';

export interface ListQuery {
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
}

export interface ObjectList {
  readonly revision: Revision;
  readonly items: readonly StoredObject[];
  readonly continue: string | undefined;
  readonly remaining: number | undefined;
}

/** Pages read at a time when a selector thins them out; large enough to be few, small enough not to read far beyond the limit. */
const selectivePageMin = 500;

/**
 * A list by upstream's rules of resourceVersion, limit and continue.
 * Throws StatusError: BadRequest, Expired when the revision of a continue token is compacted, Timeout when it lies in the future.
 */
export async function listObjects(
  context: ResourceContext,
  namespace: string | undefined,
  selection: Selection | undefined,
  query: ListQuery,
  call: Call,
): Promise<ObjectList> {
  const prefix = listPrefix(context.strategy.resource, namespace);
  const start = startOf(query, prefix, call.signal);
  if (selection?.exactName !== undefined && start.at === undefined && start.afterKey === undefined) {
    const single = await listSingle(context, namespace, selection, start, call);
    if (single) return single;
  }
  try {
    return selection
      ? await listSelected(context, prefix, selection, start)
      : pageOf(await context.objects.list(prefix, start), prefix, start.limit);
  } catch (error) {
    throw listError(error, query, prefix, start, context);
  }
}

type Start = ListOptions;

function startOf(query: ListQuery, prefix: string, signal: AbortSignal): Start {
  const limit = query.limit ?? 0;
  const version = query.resourceVersion ?? '';
  if (query.continue) {
    if (version !== '' && version !== '0')
      throw badRequest('specifying resource version is not allowed when using continue');
    const token = decodeContinue(query.continue);
    const afterKey = prefix + token.start;
    return { signal, limit, afterKey, ...(token.revision === undefined ? {} : { at: token.revision }) };
  }
  if (version === '') return { signal, limit };
  const revision = parseVersion(version);
  const isExact = query.resourceVersionMatch === 'Exact' || (limit > 0 && revision > 0n && !query.resourceVersionMatch);
  return isExact ? { signal, limit, at: revision } : { signal, limit, notOlderThan: revision };
}

export function parseVersion(version: string): Revision {
  if (/^\d{1,19}$/.test(version)) return BigInt(version);
  throw badRequest(
    `Invalid value: ${JSON.stringify(version)}: strconv.ParseUint: parsing ${JSON.stringify(version)}: invalid syntax`,
  );
}

/** `metadata.name=x` of one namespace is a read of one key. */
async function listSingle(
  { strategy, objects }: ResourceContext,
  namespace: string | undefined,
  selection: Selection,
  start: Start,
  call: Call,
): Promise<ObjectList | undefined> {
  const isNamespaced = strategy.resource.namespaced;
  const inNamespace = namespace ?? selection.exactNamespace;
  if (isNamespaced && inNamespace === undefined) return undefined;
  const name = selection.exactName ?? '';
  if (name === '' || name.includes('/') || inNamespace?.includes('/')) return undefined;
  const key = objectKey(strategy.resource, isNamespaced ? inNamespace : undefined, name);
  const { notOlderThan } = start;
  const stored = await storageCall(
    objects.get(key, { signal: call.signal, ...(notOlderThan === undefined ? {} : { notOlderThan }) }),
  );
  const items = stored && selection.matches(stored.object) ? [stored] : [];
  return { revision: objects.revision, items, continue: undefined, remaining: undefined };
}

function pageOf(
  { revision, items, remaining }: { revision: Revision; items: readonly StoredObject[]; remaining: number },
  prefix: string,
  limit: number,
): ObjectList {
  const last = items.at(-1);
  if (limit === 0 || remaining === 0 || !last) return { revision, items, continue: undefined, remaining: undefined };
  return { revision, items, continue: encodeContinue({ revision, start: last.key.slice(prefix.length) }), remaining };
}

async function listSelected(
  { objects }: ResourceContext,
  prefix: string,
  selection: Selection,
  start: Start,
): Promise<ObjectList> {
  const { limit } = start;
  if (limit === 0) {
    const { revision, items } = await objects.list(prefix, start);
    const selected = items.filter((item) => selection.matches(item.object));
    return { revision, items: selected, continue: undefined, remaining: undefined };
  }
  const selected: StoredObject[] = [];
  let page = await objects.list(prefix, { ...start, limit: Math.max(limit, selectivePageMin) });
  const { revision } = page;
  for (;;) {
    for (const item of page.items) {
      if (!selection.matches(item.object)) continue;
      selected.push(item);
      if (selected.length < limit) continue;
      const isLast = item === page.items.at(-1) && page.remaining === 0;
      const token = isLast ? undefined : encodeContinue({ revision, start: item.key.slice(prefix.length) });
      return { revision, items: selected, continue: token, remaining: undefined };
    }
    const last = page.items.at(-1);
    if (page.remaining === 0 || !last) return { revision, items: selected, continue: undefined, remaining: undefined };
    page = await objects.list(prefix, {
      signal: start.signal,
      limit: Math.max(limit, selectivePageMin),
      at: revision,
      afterKey: last.key,
    });
  }
}

const staleContinueText =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue ' +
  'parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token ' +
  'results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and ' +
  'now may show up in the list.';

function listError(
  error: unknown,
  query: ListQuery,
  prefix: string,
  start: Start,
  { objects }: ResourceContext,
): unknown {
  if (!(error instanceof StorageError)) return error;
  if (error.reason === 'compacted' && query.continue && start.afterKey) {
    const token = encodeContinue({ revision: undefined, start: start.afterKey.slice(prefix.length) });
    return new StatusError('Expired', staleContinueText, { cause: error, metadata: { continue: token } });
  }
  if (error.reason === 'futureRevision') {
    return tooLargeResourceVersion(start.at ?? start.notOlderThan ?? 0n, objects.revision);
  }
  return statusFromStorage(error);
}

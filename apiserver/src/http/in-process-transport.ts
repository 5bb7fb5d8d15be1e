/**
 * The transport without HTTP: the same line, with objects in and out. What it answers is shared and frozen; watch batches come from the
 * cache as they are.
 */
import { copyJson, type JsonValue } from '@slipway/api/patch/json-value';
import type { ApiRequest, ResourcePath, Transport, WatchEvent, WatchRequest } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import { authenticatedGroup } from '../authn/authenticator.ts';
import { type CallOptions, optionsFromRequest } from '../registry/call-options.ts';
import type { ServedResource } from '../registry/kinds.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { WatchChange } from '../registry/watch-objects.ts';
import type { Answer } from './answer.ts';
import { listObject, shownObject } from './encode-answer.ts';
import { statusFrom } from './errors.ts';
import type { Incoming, RequestVerb } from './incoming.ts';
import { answer, type LineParts } from './request-line.ts';
import { bookmark } from './watch-stream.ts';

export function inProcessTransport(given: UserInfo, parts: LineParts, stopping: AbortSignal): Transport {
  const user = given.groups.includes(authenticatedGroup)
    ? given
    : { ...given, groups: [...given.groups, authenticatedGroup] };

  const send = async (request: ApiRequest, signal: AbortSignal): Promise<unknown> => {
    const options = optionsFromRequest(request.options ?? {});
    const incoming = incomingFrom(request.verb, request.path, options, user, signal);
    try {
      return plainAnswer(await answer({ ...incoming, ...bodyOf(request), claimedCause: request.cause }, parts));
    } catch (error) {
      throw signal.aborted ? signal.reason : statusFrom(error);
    }
  };

  async function* watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[], void, void> {
    const ending = AbortSignal.any([signal, stopping]);
    const incoming = incomingFrom('watch', request.path, optionsFromRequest(request.options ?? {}), user, ending);
    try {
      const answered = await answer(incoming, parts);
      if (answered.kind !== 'watch') return;
      for await (const batches of answered.batches) {
        for (const batch of batches) yield eventsOf(batch, answered.served);
      }
    } catch (error) {
      if (!ending.aborted) throw statusFrom(error);
    }
    signal.throwIfAborted();
  }

  return { send, watch };
}

function incomingFrom(
  verb: RequestVerb,
  path: ResourcePath,
  options: CallOptions,
  user: UserInfo,
  signal: AbortSignal,
): Incoming {
  const { namespace, name, subresource, ...rest } = path;
  return {
    verb,
    address: { ...rest, namespace, name, subresource, rest: '', isWatch: verb === 'watch' },
    options,
    patchType: undefined,
    claimedCause: undefined,
    userAgent: '',
    signal,
    warnings: [],
    authenticate: () => user,
    readBody: () => ({ value: undefined, duplicates: [] }),
  };
}

/** The line may change what it reads, and the caller keeps what it gave. */
function bodyOf({ body, patchType }: ApiRequest): Pick<Incoming, 'readBody' | 'patchType'> {
  return {
    patchType,
    readBody: () => ({ value: body === undefined ? undefined : copyJson(body as JsonValue), duplicates: [] }),
  };
}

function plainAnswer(answered: Answer): unknown {
  switch (answered.kind) {
    case 'stored':
      return shownObject(answered.stored, answered.served);
    case 'object':
      return answered.object;
    case 'list':
      return listObject(
        answered.list.items.map((stored) => shownObject(stored, answered.served)),
        answered.list,
        answered.served,
      );
    case 'watch':
      return undefined;
  }
}

const shared = new WeakMap<readonly WatchChange[], readonly WatchEvent<KubeObject>[]>();

function eventsOf(changes: readonly WatchChange[], served: ServedResource): readonly WatchEvent<KubeObject>[] {
  const known = served.view ? undefined : shared.get(changes);
  if (known) return known;
  const events = changes.map((change) =>
    change.type === 'BOOKMARK'
      ? { type: change.type, object: bookmark(change, served) }
      : { type: change.type, object: shownObject(change.stored, served) },
  );
  if (!served.view) shared.set(changes, events);
  return events;
}

import { isStatus } from '@slipway/api/status-error';
import type { KubeObject } from '@slipway/api/types';
import type { Client } from '@slipway/client/client';
import { FencedError } from '@slipway/client/fenced-transport';
import type { Kind } from '@slipway/client/kinds';
import { backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';

export interface CreateOnceDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** As the server makes names: the whole stays a DNS label. */
const prefixMax = 58;
const suffixLength = 5;
const namesTriedMax = 8;
const pause = { baseMs: 50, maxMs: 5_000, jitter: 0.5 };
/** As long as a write is waited for in the caches. Who gives up earlier may make the object a second time. */
const doubtMsMax = 300_000;

/**
 * Makes an object that has a `generateName`, and makes it once. A lost answer cannot be told from a lost request, and whoever asks again
 * without a name makes another object; a replica set then has a pod too many for a while. So the name is chosen on this side, and
 * asked about until the server says what became of it. Throws what the server answers, or after five minutes what went wrong first.
 */
export async function createOnce(kind: Kind, object: KubeObject, deps: CreateOnceDeps): Promise<KubeObject> {
  for (let tried = 1; ; tried++) {
    const named = withName(object, deps.random);
    try {
      return await createNamed(kind, named, deps);
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists') || tried === namesTriedMax) throw error;
    }
  }
}

function withName(object: KubeObject, random: Random): KubeObject {
  const { generateName = '' } = object.metadata;
  const name = `${generateName.slice(0, prefixMax)}${random.suffix(suffixLength)}`;
  return { ...object, metadata: { ...object.metadata, name } };
}

/** The same for a name that was chosen before. Throws AlreadyExists where it is somebody's. */
export async function createNamed(kind: Kind, named: KubeObject, deps: CreateOnceDeps): Promise<KubeObject> {
  const { client, signal } = deps;
  try {
    return await client.create(kind, named, { signal });
  } catch (error) {
    if (signal.aborted || !isDoubtful(error)) throw error;
    return await resolveDoubt(kind, named, error, deps);
  }
}

/** Looks for it, and asks for it again when it is not there. */
async function resolveDoubt(
  kind: Kind,
  named: KubeObject,
  doubt: unknown,
  { client, clock, random, signal }: CreateOnceDeps,
): Promise<KubeObject> {
  const { namespace, name = '' } = named.metadata;
  const untilMs = clock.monotonicMs() + doubtMsMax;
  for (let failures = 1; clock.monotonicMs() < untilMs; failures++) {
    await clock.sleep(backoffMs(failures, pause, random), signal);
    let isOthers = false;
    try {
      // A list, since whoever makes pods may list them, and not everybody may get one.
      const { items } = await client.list(kind, { namespace, fieldSelector: `metadata.name=${name}`, signal });
      const [found] = items;
      if (found && controllerUid(found) === controllerUid(named)) return found;
      isOthers = found !== undefined;
      return await client.create(kind, named, { signal });
    } catch (error) {
      // It may have come meanwhile, if the first request was late and not lost; and of that one a busy server says nothing.
      if (isStatus(error, 'TooManyRequests', 'ServiceUnavailable')) continue;
      if (isStatus(error, 'AlreadyExists') && !isOthers) continue;
      if (signal.aborted || !isDoubtful(error)) throw error;
    }
  }
  throw doubt;
}

/** What leaves open whether it was done: a broken connection, and a server that does not know itself. All else it answers is certain. */
function isDoubtful(error: unknown): boolean {
  if (error instanceof FencedError) return false;
  return !isStatus(error) || isStatus(error, 'ServerTimeout', 'Timeout');
}

export function controllerUid(object: KubeObject): string | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller)?.uid;
}

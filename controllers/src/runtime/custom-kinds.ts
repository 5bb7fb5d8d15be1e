/** Kinds that the cluster's CustomResourceDefinitions define, as they come and go. */
import type { KubeObject } from '@slipway/api/types';
import { type Kind, kindId, kinds } from '@slipway/client/kinds';
import { isAbort } from '@slipway/kit/abort';
import type { Caches, SharedCaches } from './caches.ts';
import type { Controller } from './controller.ts';

interface Definition extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly versions: readonly { readonly name: string; readonly served: boolean; readonly storage: boolean }[];
  };
  readonly status?: {
    readonly acceptedNames?: { readonly plural: string; readonly kind: string };
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Each served kind once, in the version that it is stored in where that is served. */
export function customKinds(caches: Caches): readonly Kind[] {
  return caches.list(kinds.customResourceDefinitions).flatMap((object) => {
    const { spec, status } = object as Definition;
    const names = status?.acceptedNames;
    const isServed = status?.conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True');
    const version =
      spec.versions.find(({ served, storage }) => served && storage) ?? spec.versions.find(({ served }) => served);
    if (!names || !isServed || !version) return [];
    const namespaced = spec.scope === 'Namespaced';
    return [{ group: spec.group, version: version.name, resource: names.plural, kind: names.kind, namespaced }];
  });
}

interface Followed {
  readonly kind: Kind;
  stop(): Promise<void>;
}

/** Watches the custom kinds for the controllers that follow them, until the signal aborts. */
export async function followCustomKinds(
  controllers: readonly Controller[],
  caches: SharedCaches,
  signal: AbortSignal,
): Promise<void> {
  const followed = new Map<string, Followed>();
  let settling = Promise.resolve();
  const settle = async () => {
    const wanted = signal.aborted ? [] : customKinds(caches);
    const ids = new Set(wanted.map(idOf));
    for (const [id, each] of followed) {
      if (ids.has(id)) continue;
      followed.delete(id);
      await each.stop();
    }
    for (const kind of wanted)
      if (!followed.has(idOf(kind))) followed.set(idOf(kind), follow(kind, controllers, caches));
  };
  const next = () => {
    settling = settling.then(settle);
  };
  const unsubscribe = caches.of(kinds.customResourceDefinitions).subscribe(next);
  next();
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  unsubscribe();
  next();
  await settling;
}

function idOf(kind: Kind): string {
  return `${kindId(kind)}/${kind.version}/${kind.kind}`;
}

function follow(kind: Kind, controllers: readonly Controller[], caches: SharedCaches): Followed {
  const ending = new AbortController();
  // Our own kinds have controllers, which have a cache of them that is watched as long as they run.
  const isWatched = caches.has(kind);
  caches.declare(kind);
  const stops = controllers.flatMap((controller) => controller.follow(kind, caches) ?? []);
  const watching = isWatched
    ? Promise.resolve()
    : caches.follow(kind, ending.signal).catch((error) => {
        if (!isAbort(error)) throw error;
      });
  return {
    kind,
    async stop() {
      for (const stop of stops) stop();
      ending.abort();
      await watching;
    },
  };
}

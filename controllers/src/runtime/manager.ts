import type { Transport } from '@slipway/api/transport';
import { Client } from '@slipway/client/client';
import { EventSink } from '@slipway/client/events';
import type { Kind } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { type Caches, SharedCaches } from './caches.ts';
import { Controller, kindsOf } from './controller.ts';
import { followCustomKinds } from './custom-kinds.ts';
import type { ControllerDefinition, ControllerDeps, IndexSpec } from './controller-definition.ts';

/** A long-lived part that is no reconciler and shares the caches: the scheduler. */
export interface Component {
  readonly name: string;
  readonly component: string;
  /** As of a controller. */
  readonly account: string;
  readonly reads: readonly Kind[];
  readonly indexes?: readonly IndexSpec[];
  /** Called when its caches are complete. Runs until the signal aborts and all of it has ended. */
  run(deps: ControllerDeps, signal: AbortSignal): Promise<void>;
}

export interface ManagerDeps {
  /** Reads what the caches hold and tells events. */
  readonly transport: Transport;
  /**
   * The transport of one account, for all else that its controllers do: a service account of kube-system, or the user itself where the
   * name begins with `system:`. When not given, everything goes through the one transport.
   */
  readonly transportAs?: (account: string) => Transport;
  /**
   * Caches that outlive these controllers, so that others may begin where they end without reading everything anew. Whoever hands them in
   * runs them, after the first manager has been made: it declares what is to be watched.
   */
  readonly caches?: SharedCaches;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ControllerManager {
  /** Resolves when the caches of all controllers are complete. Pending for ever when the server never answers. */
  readonly ready: Promise<void>;
  readonly caches: Caches;
  /** Names of the controllers and components that are switched on. */
  readonly running: readonly string[];
  /** True while no key is ready or in work; keys may wait for a time. */
  readonly isIdle: boolean;
  /** Runs until the signal aborts and everything has ended. Call it once. Rejects when a part breaks. */
  run(signal: AbortSignal): Promise<void>;
}

/** Runs the given controllers and components over shared caches, one event sink and one transport. */
export function createManager(
  definitions: readonly ControllerDefinition[],
  components: readonly Component[],
  deps: ManagerDeps,
): ControllerManager {
  const caches = deps.caches ?? new SharedCaches(deps);
  const sink = new EventSink(deps);
  const depsFor = ({
    name,
    component,
    account,
  }: Pick<Component, 'name' | 'component' | 'account'>): ControllerDeps => ({
    caches,
    client: new Client(deps.transportAs?.(account) ?? deps.transport, { controller: component }),
    events: sink.recorder(component),
    clock: deps.clock,
    random: deps.random,
    log: deps.log.child({ controller: name }),
  });
  for (const definition of definitions) {
    for (const kind of kindsOf(definition)) caches.declare(kind);
    declareIndexes(caches, definition.indexes);
  }
  for (const component of components) {
    for (const kind of component.reads) caches.declare(kind);
    declareIndexes(caches, component.indexes);
  }
  const controllers = definitions.map((definition) => new Controller(definition, depsFor(definition)));
  let becomeReady = () => {};
  const ready = new Promise<void>((resolve) => {
    becomeReady = resolve;
  });
  return {
    ready,
    caches,
    running: [...definitions, ...components].map(({ name }) => name),
    get isIdle() {
      return controllers.every((controller) => controller.isIdle);
    },
    run: async (signal) => {
      const stops = controllers.map((controller) => controller.subscribe(caches));
      const watching = deps.caches ? undefined : caches.run(signal);
      const telling = sink.run(signal);
      const synced = [...controllers.map(({ kinds }) => kinds), ...components.map(({ reads }) => reads)].map((kinds) =>
        caches.ready(kinds),
      );
      void Promise.all(synced).then(becomeReady);
      const parts = [
        ...controllers.map((controller) => startWhenSynced(caches, controller.kinds, signal, (s) => controller.run(s))),
        ...components.map((component) =>
          startWhenSynced(caches, component.reads, signal, (s) => component.run(depsFor(component), s)),
        ),
      ];
      const followers = controllers.filter(({ followsKinds }) => followsKinds);
      if (followers.length > 0) parts.push(followCustomKinds(followers, caches, signal));
      try {
        await Promise.all([watching, telling, ...parts]);
      } finally {
        for (const stop of stops) stop();
      }
    },
  };
}

function declareIndexes(caches: SharedCaches, indexes: readonly IndexSpec[] | undefined): void {
  for (const { on, name, values } of indexes ?? []) caches.addIndex(on, name, values);
}

async function startWhenSynced(
  caches: SharedCaches,
  kinds: readonly Kind[],
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([caches.ready(kinds), aborted]);
  if (!signal.aborted) await run(signal);
}

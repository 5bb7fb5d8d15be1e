/**
 * Custom resources: follows the stored definitions and serves what they define, on every API server of the store alike. Beside that it does what
 * a definition's life asks for: accepts its names, establishes it, and when it is deleted removes its objects first. Several servers may do so
 * at once: each write is conditional, and all of them want the same.
 */
import { isStatus } from '@slipway/api/status-error';
import type { KubeObject } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { DueNames } from '../registry/due-names.ts';
import type { ServedKinds, ServedResource } from '../registry/kinds.ts';
import { resourcePrefix } from '../registry/resource-context.ts';
import { ownCall } from '../registry/write-call.ts';
import {
  cleanupFinalizer,
  type CustomResourceDefinition,
  definitionResource,
  type DefinitionNames,
  withCondition,
} from './definition/definition.ts';
import { deletionCondition, planStatus, takenNames } from './definition/plan-status.ts';
import { isServed, type ServeDeps, servedResources } from './served-definitions.ts';

export interface CustomResourcesDeps extends ServeDeps {
  readonly kinds: ServedKinds;
  readonly log: Logger;
}

interface Known {
  /** What the served resources are made of; they are made anew when it changes. */
  readonly made: string;
  readonly served: readonly ServedResource[];
}

/** Until a definition's objects are gone it is looked at again, ever more seldom the longer something holds them. */
const deletionLookMsMin = 200;
const deletionLookMsMax = 5_000;
const failureLookMs = 1_000;

/** How the log of the store names these writes. */
const controller = 'custom-resources';

export class CustomResources {
  readonly #deps: CustomResourcesDeps;
  readonly #known = new Map<string, Known>();
  readonly #due = new DueNames();
  #stop: (() => void) | undefined;

  constructor(deps: CustomResourcesDeps) {
    this.#deps = deps;
    this.#follow();
  }

  /** Works on definitions until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#due.run((name) => this.#work(name, signal), signal);
  }

  close(): void {
    this.#stop?.();
    for (const { served } of this.#known.values()) for (const { store } of served) store.close();
  }

  #follow(): void {
    const { objects, clock } = this.#deps;
    const prefix = resourcePrefix(definitionResource);
    this.#stop = objects.subscribe(prefix, undefined, {
      onEvents: (events) => {
        for (const { current, previous } of events) this.#learn((current ?? previous)?.object.metadata.name ?? '');
        this.#serve();
      },
      // What was missed meanwhile is read anew.
      onEnd: (error) => {
        if (error !== undefined) clock.after(failureLookMs, () => this.#follow());
      },
    });
    const names = Array.from(objects.cachedList(prefix), ({ object }) => object.metadata.name ?? '');
    for (const name of new Set([...names, ...this.#known.keys()])) this.#learn(name);
    this.#serve();
  }

  #definition(name: string): CustomResourceDefinition | undefined {
    const found = this.#deps.objects.cached(`${resourcePrefix(definitionResource)}${name}`);
    return found?.object as CustomResourceDefinition | undefined;
  }

  #definitions(): CustomResourceDefinition[] {
    const all = this.#deps.objects.cachedList(resourcePrefix(definitionResource));
    return Array.from(all, ({ object }) => object as CustomResourceDefinition);
  }

  #learn(name: string): void {
    const definition = this.#definition(name);
    const known = this.#known.get(name);
    const made = definition && isServed(definition) ? signature(definition) : undefined;
    if (known?.made !== made) {
      for (const { store } of known?.served ?? []) store.close();
      if (definition && made !== undefined) this.#known.set(name, { made, served: this.#make(definition) });
      else this.#known.delete(name);
    }
    // A change of one may free a name that another waits for.
    const waiting = this.#definitions().filter((other) => !isServed(other));
    for (const due of [name, ...waiting.map(({ metadata }) => metadata.name ?? '')]) this.#due.add(due);
  }

  #make(definition: CustomResourceDefinition): readonly ServedResource[] {
    try {
      return servedResources(definition, this.#deps);
    } catch (error) {
      this.#deps.log.error({ err: error, definition: definition.metadata.name }, 'definition cannot be served');
      return [];
    }
  }

  #serve(): void {
    const all = [...this.#known.values()].flatMap(({ served }) => served);
    const before = this.#deps.kinds.custom;
    if (all.length === before.length && all.every((served, i) => served === before[i])) return;
    this.#deps.kinds.serveCustom(all);
  }

  async #work(name: string, signal: AbortSignal): Promise<void> {
    try {
      const definition = this.#definition(name);
      if (!definition) return;
      if (definition.metadata.deletionTimestamp === undefined) await this.#updateStatus(name, signal);
      else if (definition.metadata.finalizers?.includes(cleanupFinalizer)) await this.#cleanUp(definition, signal);
    } catch (error) {
      if (signal.aborted || isStatus(error, 'NotFound')) return;
      this.#deps.log.warn({ definition: name, reason: messageOf(error) }, 'definition not brought up to date');
      this.#later(name, failureLookMs);
    }
  }

  #later(name: string, ms: number): void {
    this.#deps.clock.after(ms, () => this.#due.add(name));
  }

  async #updateStatus(name: string, signal: AbortSignal): Promise<void> {
    await this.#change(name, signal, 'status', (old) => {
      const status = planStatus(old, takenNames(this.#othersNames(old)), formatTime(this.#deps.clock.nowMs()));
      return status === old.status ? old : { ...old, status };
    });
  }

  /** Accepted names of the group's other definitions, and of built-in kinds. */
  #othersNames({ spec, metadata }: CustomResourceDefinition): DefinitionNames[] {
    const others = this.#definitions().flatMap((other) => {
      const names = other.status?.acceptedNames;
      return names && other.spec.group === spec.group && other.metadata.name !== metadata.name ? [names] : [];
    });
    const builtIn = this.#deps.kinds.all.filter(({ api, typing }) => api.group === spec.group && typing === undefined);
    return [
      ...others,
      ...builtIn.map(({ api }) => ({
        plural: api.resource,
        singular: api.singular,
        kind: api.kind,
        shortNames: [...api.shortNames],
      })),
    ];
  }

  /** Deletes the objects; when the last is gone the definition may go. */
  async #cleanUp(definition: CustomResourceDefinition, signal: AbortSignal): Promise<void> {
    const { objects, clock } = this.#deps;
    const { name = '' } = definition.metadata;
    const { group, names } = definition.spec;
    const now = formatTime(clock.nowMs());
    const instances = [...objects.cachedList(resourcePrefix({ group, resource: names.plural }))];
    const isDone = instances.length === 0;
    await this.#change(name, signal, 'status', (old) => {
      const conditions = withCondition(old.status?.conditions ?? [], deletionCondition(isDone), now);
      return { ...old, status: { ...old.status, conditions } };
    });
    if (isDone) {
      await this.#change(name, signal, 'main', (old) => {
        const finalizers = (old.metadata.finalizers ?? []).filter((one) => one !== cleanupFinalizer);
        return { ...old, metadata: { ...old.metadata, finalizers } };
      });
      return;
    }
    const [served] = this.#known.get(name)?.served ?? servedResources(definition, this.#deps);
    for (const { object } of instances) {
      if (object.metadata.deletionTimestamp !== undefined) continue;
      const target = { namespace: object.metadata.namespace, name: object.metadata.name ?? '' };
      await served?.store
        .delete(target, { propagationPolicy: 'Background' }, ownCall(signal, 'delete', controller))
        .catch((error) => {
          if (!isStatus(error, 'NotFound')) throw error;
        });
    }
    const ageMs = clock.nowMs() - Date.parse(definition.metadata.deletionTimestamp ?? now);
    this.#later(name, Math.min(deletionLookMsMax, Math.max(deletionLookMsMin, ageMs / 4)));
  }

  async #change(
    name: string,
    signal: AbortSignal,
    endpoint: 'main' | 'status',
    change: (old: CustomResourceDefinition) => CustomResourceDefinition,
  ): Promise<void> {
    const served = this.#deps.kinds.find({ ...definitionResource, version: 'v1' });
    const made = (old: KubeObject) => structuredClone(change(old as CustomResourceDefinition)) as KubeObject;
    await served?.store.update({ namespace: undefined, name, endpoint }, made, ownCall(signal, 'update', controller));
  }
}

/** Everything that the served resources depend on; the status changes more often. */
function signature({ spec, status, metadata }: CustomResourceDefinition): string {
  return JSON.stringify([spec, status?.acceptedNames, metadata.deletionTimestamp !== undefined, metadata.uid]);
}

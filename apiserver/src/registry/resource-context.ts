import type { ApiResource } from '@slipway/api/resources';
import type { ObjectSchema } from '@slipway/api/schema/structural-schema';
import type { KubeObject } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { ObjectStore } from '../storage/object-store.ts';
import type { StoredForm } from './stored-form.ts';
import type { Strategy, StrategyContext } from './strategy.ts';
import type { Call } from './write-call.ts';

/** What the functions of the registry work with: one kind, and the world. */
export interface ResourceContext {
  readonly strategy: Strategy;
  readonly schema: ObjectSchema;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Undefined: objects are shown as they are stored. */
  readonly form?: StoredForm | undefined;
  /** The kind may cease to be served while the server runs. */
  readonly mayEnd?: boolean;
}

/** `/registry/apps/deployments/` */
export function resourcePrefix({ group, resource }: { readonly group: string; readonly resource: string }): string {
  return `/registry/${group === '' ? 'core' : group}/${resource}/`;
}

export function objectKey(
  resource: { readonly group: string; readonly resource: string },
  namespace: string | undefined,
  name: string,
): string {
  const prefix = resourcePrefix(resource);
  return namespace === undefined ? prefix + name : `${prefix}${namespace}/${name}`;
}

/** Everything of the kind, or of one namespace. */
export function listPrefix(resource: ApiResource, namespace: string | undefined): string {
  const prefix = resourcePrefix(resource);
  return namespace === undefined ? prefix : `${prefix}${namespace}/`;
}

/** Reads other objects from the cache, without waiting. */
export function cachedReader(objects: ObjectStore): StrategyContext['read'] {
  return (resource, group, namespace, name): KubeObject | undefined =>
    objects.cached(objectKey({ group, resource }, namespace, name))?.object;
}

export function strategyContext(context: ResourceContext, call: Call & { readonly dryRun?: boolean }): StrategyContext {
  return {
    user: call.user,
    nowMs: context.clock.nowMs(),
    random: context.random,
    dryRun: call.dryRun ?? false,
    read: cachedReader(context.objects),
  };
}

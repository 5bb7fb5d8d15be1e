/** The line of hooks that the resource store runs, without a store. */
import type { KubeObject, ObjectMeta } from '@slipway/api/types';
import { fieldErrorText } from '@slipway/api/validation/field-error';
import { validateObjectMeta } from '@slipway/api/validation/object-meta';
import { seededRandom } from '@slipway/kit/random';
import type { Strategy, StrategyContext } from '../strategy.ts';

export const context: StrategyContext = {
  user: { name: 'test', groups: [] },
  nowMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  random: seededRandom(7),
  dryRun: false,
  read: () => undefined,
};

export interface Judged<T> {
  readonly object: T;
  readonly errors: string[];
}

/** What a decoder would hand over: any part of a kind's fields. */
export type Given<T> = { metadata?: Partial<ObjectMeta> } & { [Field in Exclude<keyof T, 'metadata'>]?: unknown };

export function draftOf<T extends KubeObject>(strategy: Strategy<T>, given: Given<T>): T {
  const { kind, group, version, namespaced } = strategy.resource;
  const place = namespaced ? { namespace: 'default' } : {};
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const draft = { apiVersion, kind, ...structuredClone(given), metadata: { name: 'x', ...place, ...given.metadata } };
  return draft as unknown as T;
}

export function create<T extends KubeObject>(strategy: Strategy<T>, given: Given<T>): Judged<T> {
  const draft = draftOf(strategy, given);
  strategy.defaults?.(draft);
  strategy.prepareCreate?.(draft, context);
  const errors = [
    ...validateObjectMeta(draft.metadata, strategy),
    ...strategy.validate(draft, context),
    ...(strategy.validateCreate?.(draft, context) ?? []),
  ];
  return { object: asStored(draft), errors: errors.map(fieldErrorText) };
}

export function update<T extends KubeObject>(strategy: Strategy<T>, old: T, change: (draft: T) => void): Judged<T> {
  const draft = structuredClone(old);
  change(draft);
  strategy.defaults?.(draft);
  strategy.prepareUpdate?.(draft, old, context);
  const errors = [...strategy.validate(draft, context), ...(strategy.validateUpdate?.(draft, old, context) ?? [])];
  return { object: asStored(draft), errors: errors.map(fieldErrorText) };
}

/** As it would be read back. */
function asStored<T>(draft: T): T {
  return JSON.parse(JSON.stringify(draft)) as T;
}

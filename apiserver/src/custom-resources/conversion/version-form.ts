import type { JsonValue } from '@slipway/api/patch/json-value';
import { copyJson } from '@slipway/api/patch/json-value';
import type { KubeObject } from '@slipway/api/types';
import type { StoredForm } from '../../registry/stored-form.ts';
import type { Defaulter } from '../schema/defaults.ts';
import type { Pruner } from '../schema/pruning.ts';
import type { Converter } from './converter.ts';

export interface VersionFormOptions {
  /** `example.com/v1` */
  readonly apiVersion: string;
  readonly storedApiVersion: string;
  readonly converter: Converter;
  /** Defaults that came after an object was stored are in what is read of it. */
  readonly applyDefaults: Defaulter | undefined;
  /** The schema may have been another one when an object was stored: what it no longer knows is not in what is read. */
  readonly prune: Pruner | undefined;
}

/** How objects of one version are read from the store and written to it. */
export function versionForm({
  apiVersion,
  storedApiVersion,
  converter,
  applyDefaults,
  prune,
}: VersionFormOptions): StoredForm {
  // Stored objects are immutable, so that what one looks like is worked out once.
  const shown = new WeakMap<KubeObject, KubeObject>();
  const finish = (source: KubeObject, converted: KubeObject): KubeObject => {
    const object = applyDefaults || prune ? broughtUpToDate(converted, prune, applyDefaults) : converted;
    shown.set(source, object);
    return object;
  };
  const readAll = (objects: readonly KubeObject[]) => {
    const foreign = objects.filter((object) => object.apiVersion !== apiVersion && !shown.has(object));
    if (foreign.length === 0) return objects.map((object) => shown.get(object) ?? finish(object, object));
    return readForeign(objects, foreign);
  };
  async function readForeign(objects: readonly KubeObject[], foreign: readonly KubeObject[]) {
    for (const [, group] of Map.groupBy(foreign, (object) => object.apiVersion)) {
      const converted = await converter.convert(group, apiVersion);
      for (const [i, source] of group.entries()) finish(source, converted[i] ?? source);
    }
    return objects.map((object) => shown.get(object) ?? finish(object, object));
  }
  return {
    read(object) {
      const known = shown.get(object);
      if (known) return known;
      if (object.apiVersion === apiVersion) return finish(object, object);
      return readForeign([object], [object]).then(([converted]) => converted ?? object);
    },
    readAll,
    async write(draft) {
      if (draft.apiVersion === storedApiVersion) return draft;
      const [converted] = await converter.convert([draft], storedApiVersion);
      return converted ?? draft;
    },
    wrote(object) {
      if (object.apiVersion === apiVersion && !shown.has(object)) shown.set(object, object);
    },
  };
}

/** The object itself when there is nothing to take out and nothing to fill in. */
function broughtUpToDate(
  object: KubeObject,
  prune: Pruner | undefined,
  applyDefaults: Defaulter | undefined,
): KubeObject {
  const copy = copyJson(object as unknown as JsonValue);
  const isPruned = prune?.(copy) ?? false;
  const isFilled = applyDefaults?.(copy) ?? false;
  return isPruned || isFilled ? (copy as unknown as KubeObject) : object;
}

import { copyJson, type JsonObject } from '@slipway/api/patch/json-value';
import { decodeObject } from '@slipway/api/schema/decode';
import type { KubeObject } from '@slipway/api/types';
import type { ServedResource } from '../registry/kinds.ts';
import type { Subject } from './plugin.ts';
import { sameJson } from '../registry/same-json.ts';

/** The draft as JSON in the version that somebody wants to change it in. A copy. */
export function draftIn(draft: KubeObject, { view }: ServedResource, subject: Subject | undefined): JsonObject {
  return copyJson((view && !subject ? view.toServed(draft) : draft) as unknown as JsonObject);
}

/**
 * Puts what became of the draft in its place, decoded and with its defaults. The draft stays the same object: whoever handed it in holds on
 * to it. Answers whether anything is different. Throws StatusError for what is no object of the kind.
 */
export function replaceDraft(
  draft: KubeObject,
  changed: unknown,
  served: ServedResource,
  subject: Subject | undefined,
): boolean {
  const { schema } = subject ?? served;
  const typed = (schema
    ? decodeObject(schema, changed, { fieldValidation: 'Ignore' }).object
    : changed) as unknown as KubeObject;
  const stored = served.view && !subject ? served.view.toStored(typed) : typed;
  const fresh = copyJson(stored as unknown as JsonObject) as unknown as KubeObject;
  if (!subject) served.store.strategy.defaults?.(fresh);
  if (sameJson(fresh, draft)) return false;
  const fields = draft as unknown as Record<string, unknown>;
  for (const field of Object.keys(fields)) if (!(field in fresh)) delete fields[field];
  Object.assign(draft, fresh);
  return true;
}

import { decodeObject, type FieldValidation } from '@slipway/api/schema/decode';
import type { ObjectSchema } from '@slipway/api/schema/structural-schema';
import { isStatus, StatusError } from '@slipway/api/status-error';
import { type PatchType, patchTypes } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import { createObject, type Written } from './create-object.ts';
import type { ObjectView } from './object-view.ts';
import type { ResourceContext } from './resource-context.ts';
import { type UpdateTarget, updateObject } from './update-object.ts';
import type { WriteCall } from './write-call.ts';

export interface Patch {
  readonly type: PatchType;
  /** Parsed, not decoded by a schema. */
  readonly body: unknown;
  readonly fieldValidation: FieldValidation;
  readonly force: boolean;
  /** Of the version that the patch is written in. */
  readonly schema: ObjectSchema;
  readonly view: ObjectView | undefined;
}

export interface Patched {
  readonly written: Written;
  /** A server-side apply made the object. */
  readonly created: boolean;
}

/** Applies the patch to the stored object; when a race is lost, again to the newer one. Throws StatusError. */
export async function patchObject(
  context: ResourceContext,
  target: UpdateTarget,
  patch: Patch,
  call: WriteCall,
): Promise<Patched> {
  const change = (old: KubeObject) => patchedDraft(patch, old, call);
  try {
    return { written: await updateObject(context, target, change, call), created: false };
  } catch (error) {
    if (patch.type !== 'apply' || target.endpoint !== 'main' || !isStatus(error, 'NotFound')) throw error;
    const draft = patchedDraft(patch, undefined, call);
    return { written: await createObject(context, draft, target.namespace, call), created: true };
  }
}

/** The draft is fresh from top to bottom, for the hooks change it. */
function patchedDraft(patch: Patch, old: KubeObject | undefined, call: WriteCall): KubeObject {
  const { view } = patch;
  const served = old && view ? view.toServed(old) : old;
  const patched = applyPatch(patch, served);
  const { object, warnings } = decodeObject(patch.schema, patched, { fieldValidation: patch.fieldValidation });
  for (const warning of warnings) if (!call.warnings.includes(warning)) call.warnings.push(warning);
  const draft = structuredClone(object) as unknown as KubeObject;
  // A resourceVersion is a precondition only when the patch itself set it to another one.
  if (draft.metadata.resourceVersion === old?.metadata.resourceVersion) delete draft.metadata.resourceVersion;
  return view ? view.toStored(draft) : draft;
}

function applyPatch(patch: Patch, old: KubeObject | undefined): unknown {
  if (patch.type === 'merge') return mergePatch(old, patch.body);
  throw new StatusError('UnsupportedMediaType', `the patch type ${patchTypes[patch.type]} is not supported yet`);
}

/** RFC 7386. Shares what it does not change with the target. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const merged: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

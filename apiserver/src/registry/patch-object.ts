import { type Decoded, DecodeProblem, decodeObject, type FieldValidation } from '@slipway/api/schema/decode';
import type { Typing } from '@slipway/api/schema/compile-decoder';
import type { ObjectSchema } from '@slipway/api/schema/structural-schema';
import { applyConfiguration } from '@slipway/api/apply/managed-fields';
import { applyJsonPatch } from '@slipway/api/patch/json-patch';
import { copyJson, isJsonObject, type JsonObject, type JsonValue } from '@slipway/api/patch/json-value';
import { applyMergePatch } from '@slipway/api/patch/merge-patch';
import { PatchError } from '@slipway/api/patch/patch-error';
import { applyStrategicMergePatch } from '@slipway/api/patch/strategic-merge-patch';
import { isStatus, StatusError } from '@slipway/api/status-error';
import type { PatchType } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import { invalid, invalidError } from '@slipway/api/validation/field-error';
import { formatTime } from '@slipway/kit/clock';
import { createObject, type Written } from './create-object.ts';
import type { Endpoint } from './endpoint-rules.ts';
import { unwrittenFields } from './field-ownership.ts';
import type { ObjectView } from './object-view.ts';
import type { ResourceContext } from './resource-context.ts';
import { badRequest, checkName } from './status-errors.ts';
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
  readonly typing: Typing | undefined;
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
  const isApply = patch.type === 'apply';
  const { endpoint } = target;
  const base = { endpoint, nowMs: context.clock.nowMs(), ignored: unwrittenFields(context) };
  const change = (old: KubeObject) => patchedDraft(patch, { ...base, old }, call);
  try {
    return { written: await updateObject(context, { ...target, isApply }, change, call), created: false };
  } catch (error) {
    if (!isApply || endpoint !== 'main' || !isStatus(error, 'NotFound')) throw error;
    const draft = patchedDraft(patch, { ...base, old: undefined }, call);
    draft.metadata.name ||= target.name;
    checkName(draft, target.name);
    return { written: await createObject(context, draft, target.namespace, call, isApply), created: true };
  }
}

interface Base {
  readonly old: KubeObject | undefined;
  readonly endpoint: Endpoint;
  readonly nowMs: number;
  readonly ignored: ReturnType<typeof unwrittenFields>;
}

/** The draft is fresh from top to bottom, for the hooks change it. */
function patchedDraft(patch: Patch, base: Base, call: WriteCall): KubeObject {
  const { view, fieldValidation } = patch;
  const { old } = base;
  const served = old && view ? view.toServed(old) : old;
  // Of an apply the configuration is checked, not the object that it is merged with.
  const config = patch.type === 'apply' ? checkedConfiguration(patch, call) : patch.body;
  const patched = applyPatch({ ...patch, body: config }, { ...base, old: served }, call);
  const { object, warnings } = decodePatched(patch, patched, patch.type === 'apply' ? 'Ignore' : fieldValidation);
  noteWarnings(warnings, call);
  const draft = copyJson(object as JsonObject) as unknown as KubeObject;
  // A patch may remove it as a whole.
  draft.metadata ??= {};
  // What an object is was said when it was made.
  if (served) Object.assign(draft, { kind: served.kind, apiVersion: served.apiVersion });
  // A resourceVersion is a precondition only when the patch itself set it to another one.
  if (draft.metadata.resourceVersion === old?.metadata.resourceVersion) delete draft.metadata.resourceVersion;
  return view ? view.toStored(draft) : draft;
}

/** What a patch makes is refused as a value of the patch. */
function decodePatched({ schema, typing }: Patch, patched: unknown, fieldValidation: FieldValidation): Decoded {
  try {
    return decodeObject(schema, patched, { fieldValidation, ...(typing ? { typing } : {}) });
  } catch (error) {
    if (!isStatus(error, 'BadRequest') || !(error.cause instanceof DecodeProblem)) throw error;
    throw invalidError('', '', '', [invalid('patch', JSON.stringify(patched), error.cause.message)]);
  }
}

function checkedConfiguration({ schema, body, fieldValidation, typing }: Patch, call: WriteCall): JsonObject {
  const { object, warnings } = decodeObject(schema, body, { fieldValidation, ...(typing ? { typing } : {}) });
  noteWarnings(warnings, call);
  return object as JsonObject;
}

/** The patch is read anew after each lost race; its warnings are said once. */
function noteWarnings(warnings: readonly string[], call: WriteCall): void {
  for (const warning of warnings) if (!call.warnings.includes(warning)) call.warnings.push(warning);
}

function applyPatch(
  { type, body, schema, force }: Patch,
  { old, endpoint, nowMs, ignored }: Base,
  call: WriteCall,
): unknown {
  const document = old as unknown as JsonObject;
  return refusingPatch(() => {
    switch (type) {
      case 'merge':
        if (!isJsonObject(body)) throw badRequest('error decoding patch: a merge patch must be an object');
        return applyMergePatch(document, body as JsonValue);
      case 'json':
        return applyJsonPatch(document, body);
      case 'strategic':
        return applyStrategicMergePatch(document, body, schema);
      case 'apply': {
        const config = body as JsonObject;
        const { object } = applyConfiguration(old, config, schema, {
          manager: call.fieldManager,
          apiVersion: String(config.apiVersion),
          time: formatTime(nowMs),
          force,
          ...(endpoint !== 'main' ? { subresource: endpoint } : ignored ? { ignored } : {}),
        });
        return object;
      }
    }
  });
}

/** What is wrong with a patch, as the client hears it. Throws StatusError. */
export function refusingPatch<T>(apply: () => T): T {
  try {
    return apply();
  } catch (error) {
    throw error instanceof PatchError ? refusedPatch(error) : error;
  }
}

function refusedPatch(error: PatchError): StatusError {
  if (error.kind === 'malformed') return badRequest(error.message, error);
  if (error.kind === 'tooLarge') {
    return new StatusError('RequestEntityTooLarge', `Request entity too large: ${error.message}`, { cause: error });
  }
  return new StatusError(
    'Invalid',
    `the server rejected our request due to an error in our request: ${error.message}`,
    {
      details: {},
      cause: error,
    },
  );
}

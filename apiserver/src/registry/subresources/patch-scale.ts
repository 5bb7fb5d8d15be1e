import { applyConfiguration } from '@slipway/api/apply/managed-fields';
import { applyJsonPatch } from '@slipway/api/patch/json-patch';
import { copyJson, isJsonObject, type JsonObject, type JsonValue } from '@slipway/api/patch/json-value';
import { applyMergePatch } from '@slipway/api/patch/merge-patch';
import type { ObjectSchema } from '@slipway/api/schema/structural-schema';
import type { PatchType } from '@slipway/api/transport';
import type { KubeObject, Scale } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import { refusingPatch } from '../patch-object.ts';
import { badRequest } from '../status-errors.ts';
import type { ScaleAccess } from '../strategy.ts';
import { withScale } from './scale.ts';

/** The Scale that a patch makes of another one. It has no lists, so a strategic merge patch is a merge patch. Throws StatusError. */
export function patchedScale(scale: Scale, type: Exclude<PatchType, 'apply'>, body: unknown): unknown {
  const document = scale as unknown as JsonObject;
  return refusingPatch(() => {
    if (type === 'json') return applyJsonPatch(document, body);
    if (!isJsonObject(body)) throw badRequest('error decoding patch: a merge patch must be an object');
    return applyMergePatch(document, body as JsonValue);
  });
}

export interface AppliedScale {
  readonly scale: Scale;
  readonly access: ScaleAccess<KubeObject>;
  /** Of the object that is scaled: its fields are what is owned. */
  readonly schema: ObjectSchema;
  readonly manager: string;
  readonly force: boolean;
  readonly nowMs: number;
}

/**
 * The scaled object after a Scale was applied: the manager owns the number of replicas, through the subresource. Throws StatusError
 * Conflict when somebody else does and wants another number.
 */
export function withAppliedScale(old: KubeObject, applied: AppliedScale): KubeObject {
  const { scale, access, schema, manager, force, nowMs } = applied;
  const { apiVersion, kind } = old;
  const { name, namespace } = old.metadata;
  const intent = { apiVersion, kind, metadata: { name, namespace }, spec: {} } as unknown as KubeObject;
  if (scale.spec?.replicas !== undefined) access.setReplicas(intent, scale.spec.replicas);
  const checked = withScale(old, scale, access);
  const time = formatTime(nowMs);
  const by = { manager, apiVersion, time, force, subresource: 'scale' };
  const { object } = applyConfiguration(old, intent as unknown as JsonObject, schema, by);
  const draft = copyJson(object) as unknown as KubeObject;
  const { resourceVersion } = checked.metadata;
  if (resourceVersion === undefined) delete draft.metadata.resourceVersion;
  else draft.metadata.resourceVersion = resourceVersion;
  return draft;
}

import type { KubeObject, Scale } from '@slipway/api/types';
import { invalid, invalidError } from '@slipway/api/validation/field-error';
import type { ScaleAccess } from '../strategy.ts';

export function scaleOf(object: KubeObject, access: ScaleAccess<KubeObject>): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { spec, status, selector } = access.replicas(object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      creationTimestamp,
    },
    spec: { replicas: spec },
    status: { replicas: status, ...(selector === '' ? {} : { selector }) },
  } as Scale;
}

/** The object with the wanted number of replicas. A resourceVersion in the scale is a precondition. */
export function withScale(old: KubeObject, scale: Scale, access: ScaleAccess<KubeObject>): KubeObject {
  const replicas = scale.spec?.replicas ?? 0;
  if (replicas < 0) {
    throw invalidError('Scale', 'autoscaling', scale.metadata?.name ?? '', [
      invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const draft = structuredClone(old);
  access.setReplicas(draft, replicas);
  const { resourceVersion, uid } = scale.metadata ?? {};
  if (resourceVersion) draft.metadata.resourceVersion = resourceVersion;
  else delete draft.metadata.resourceVersion;
  if (uid) draft.metadata.uid = uid;
  return draft;
}

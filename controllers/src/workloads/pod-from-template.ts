import type { KubeObject, Pod, PodTemplateSpec } from '@slipway/api/types';
import { controllerReferenceTo } from '../runtime/owner.ts';

/** A pod as a template describes it, controlled by its owner and named after it. The spec is shared with the template: only read it. */
export function podFromTemplate(owner: KubeObject, template: PodTemplateSpec | undefined): Pod {
  const { metadata, spec } = template ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name}-`,
      ...(owner.metadata.namespace ? { namespace: owner.metadata.namespace } : {}),
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      ...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
      ...(metadata?.finalizers ? { finalizers: metadata.finalizers } : {}),
      ownerReferences: [controllerReferenceTo(owner)],
    },
    spec: spec ?? { containers: [] },
  };
}

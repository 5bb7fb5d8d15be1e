import type { Deployment, LabelSelector, ReplicaSet } from '@slipway/api/types';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import { podTemplateHashLabel, templateHash } from '../template-hash.ts';

export function replicaSetName(deployment: Deployment): string {
  return `${deployment.metadata.name}-${hashOf(deployment)}`;
}

/** The replica set of the current template, marked by the template's hash in name, labels and selector. */
export function newReplicaSet(
  deployment: Deployment,
  replicas: number,
  annotations: Readonly<Record<string, string>>,
): ReplicaSet {
  const { template, minReadySeconds } = deployment.spec;
  const labels = { ...template.metadata?.labels, [podTemplateHashLabel]: hashOf(deployment) };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: replicaSetName(deployment),
      ...(deployment.metadata.namespace ? { namespace: deployment.metadata.namespace } : {}),
      labels,
      annotations: { ...annotations },
      ownerReferences: [controllerReferenceTo(deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: withHash(deployment.spec.selector, labels[podTemplateHashLabel] ?? ''),
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

function withHash(selector: LabelSelector, hash: string): LabelSelector {
  return { ...selector, matchLabels: { ...selector.matchLabels, [podTemplateHashLabel]: hash } };
}

function hashOf({ spec, status }: Deployment): string {
  return templateHash(spec.template, status?.collisionCount);
}

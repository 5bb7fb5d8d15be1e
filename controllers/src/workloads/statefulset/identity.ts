/** Who a pod of a StatefulSet is: its name carries its ordinal, and name, host name, labels and claims follow from that. */
import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet } from '@slipway/api/types';
import { podFromTemplate } from '../pod-from-template.ts';
import { revisionLabel, templateOf } from '../revision-history.ts';

export const podNameLabel = 'statefulset.kubernetes.io/pod-name';
export const podIndexLabel = 'apps.kubernetes.io/pod-index';

export function podName({ metadata }: StatefulSet, ordinal: number): string {
  return `${metadata.name}-${ordinal}`;
}

/** `web` and 3 of `web-3`; undefined for names that no StatefulSet gives. */
export function parsePodName(name: string): { readonly parent: string; readonly ordinal: number } | undefined {
  const found = /^(.+)-(0|[1-9]\d{0,9})$/.exec(name);
  return found ? { parent: found[1] ?? '', ordinal: Number(found[2]) } : undefined;
}

/** Undefined when the pod's name is not of this set. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const parsed = parsePodName(pod.metadata.name ?? '');
  return parsed?.parent === set.metadata.name ? parsed?.ordinal : undefined;
}

export function revisionOf({ metadata }: Pod): string | undefined {
  return metadata.labels?.[revisionLabel];
}

export function identityLabels(set: StatefulSet, ordinal: number): Record<string, string> {
  return { [podNameLabel]: podName(set, ordinal), [podIndexLabel]: String(ordinal) };
}

export function newPod(set: StatefulSet, ordinal: number, revision: ControllerRevision): Pod {
  const { metadata, spec } = podFromTemplate(set, templateOf(revision));
  const name = podName(set, ordinal);
  const claims = claimTemplates(set).map((template) => ({
    name: template.metadata.name ?? '',
    persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
  }));
  const others = (spec.volumes ?? []).filter((volume) => !claims.some((claim) => claim.name === volume.name));
  const volumes = [...claims, ...others];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name,
      labels: {
        ...metadata.labels,
        ...identityLabels(set, ordinal),
        [revisionLabel]: revision.metadata.name ?? '',
      },
    },
    spec: {
      ...spec,
      hostname: name,
      ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  };
}

/** As objects: the API's type of a claim template leaves out what the server fills in. */
export function claimTemplates({ spec }: StatefulSet): readonly ClaimTemplate[] {
  return (spec.volumeClaimTemplates ?? []) as readonly ClaimTemplate[];
}

export type ClaimTemplate = Pick<PersistentVolumeClaim, 'metadata' | 'spec'>;

export function claimName(set: StatefulSet, { metadata }: ClaimTemplate, ordinal: number): string {
  return `${metadata.name}-${podName(set, ordinal)}`;
}

export function claimNames(set: StatefulSet, ordinal: number): readonly string[] {
  return claimTemplates(set).map((template) => claimName(set, template, ordinal));
}

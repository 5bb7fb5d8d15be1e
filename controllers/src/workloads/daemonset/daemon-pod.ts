/** The pod of a DaemonSet on one node: it says by its affinity which node is meant, and the scheduler does the rest. */
import type { DaemonSet, NodeSelectorTerm, Pod } from '@slipway/api/types';
import { podFromTemplate } from '../pod-from-template.ts';
import { revisionLabel } from '../revision-history.ts';
import { daemonTolerations } from './node-rules.ts';

/** Kept for clients of the API's first versions. */
const templateGenerationAnnotation = 'deprecated.daemonset.template.generation';
const templateGenerationLabel = 'pod-template-generation';

export function newDaemonPod(set: DaemonSet, node: string, hash: string): Pod {
  const { metadata, spec, ...pod } = podFromTemplate(set, set.spec.template);
  const generation = set.metadata.annotations?.[templateGenerationAnnotation];
  return {
    ...pod,
    metadata: {
      ...metadata,
      labels: {
        ...metadata.labels,
        ...(generation ? { [templateGenerationLabel]: generation } : {}),
        [revisionLabel]: hash,
      },
    },
    spec: {
      ...spec,
      affinity: {
        ...spec.affinity,
        nodeAffinity: {
          ...spec.affinity?.nodeAffinity,
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [termFor(node)] },
        },
      },
      tolerations: daemonTolerations(spec),
    },
  };
}

function termFor(node: string): NodeSelectorTerm {
  return { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] };
}

/** The node that a pod runs on or is meant for; undefined for a pod that says neither. */
export function nodeOf({ spec }: Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const { matchFields } of required?.nodeSelectorTerms ?? []) {
    for (const { key, operator, values } of matchFields ?? []) {
      if (key === 'metadata.name' && operator === 'In' && values?.length === 1) return values[0];
    }
  }
  return undefined;
}

export function hashOf({ metadata }: Pod): string | undefined {
  return metadata.labels?.[revisionLabel];
}

import type { KubeObject } from '@slipway/api/types';
import type { Strategy, UpdateRules } from './strategy.ts';

/**
 * What of an object a request may change: the whole, its status, a Namespace's `spec.finalizers`, the decision on a CertificateSigningRequest,
 * a Pod's ephemeral containers or resources, or a Pod's node (checked by the binding itself).
 */
export type Endpoint = 'main' | 'binding' | Part;
export type Part = 'status' | 'finalize' | 'approval' | 'ephemeralcontainers' | 'resize';

export function rulesOf(strategy: Strategy, endpoint: Endpoint): UpdateRules {
  switch (endpoint) {
    case 'main':
      return strategy;
    case 'status':
      return partRules('status', strategy.status);
    case 'finalize':
      return finalizeRules;
    case 'approval':
      return partRules('status', strategy.approval);
    case 'ephemeralcontainers':
    case 'resize':
      return partRules('spec', strategy[endpoint]);
    case 'binding':
      return {};
  }
}

/** The kind's own rules run on a draft of which only this field is not the stored one. */
function partRules(field: 'spec' | 'status', rules: UpdateRules | undefined): UpdateRules {
  return {
    ...rules,
    prepareUpdate: (draft, old, context) => {
      const { labels, annotations } = draft.metadata;
      keepAllBut(field, draft, old);
      if (rules?.writesAnnotations) draft.metadata = withTexts(draft.metadata, { labels, annotations });
      rules?.prepareUpdate?.(draft, old, context);
    },
  };
}

function withTexts(
  { labels: _, annotations: __, ...kept }: KubeObject['metadata'],
  { labels, annotations }: Pick<KubeObject['metadata'], 'labels' | 'annotations'>,
): KubeObject['metadata'] {
  return { ...kept, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
}

const finalizeRules: UpdateRules = {
  prepareUpdate: (draft, old) => {
    const finalizers = (draft as { spec?: { finalizers?: readonly string[] } }).spec?.finalizers;
    keepAllBut('spec', draft, old);
    const spec = { ...(old as { spec?: object }).spec, finalizers };
    Object.assign(draft, { spec });
  },
};

/** Everything else is as it was stored, whatever the request says. */
function keepAllBut(field: string, draft: KubeObject, old: KubeObject): void {
  const writable = draft as unknown as Record<string, unknown>;
  const kept = old as unknown as Record<string, unknown>;
  for (const name of new Set([...Object.keys(writable), ...Object.keys(kept)])) {
    if (name === field || name === 'metadata') continue;
    if (kept[name] === undefined) delete writable[name];
    else writable[name] = kept[name];
  }
  const { resourceVersion, managedFields } = draft.metadata;
  draft.metadata = { ...old.metadata };
  if (resourceVersion !== undefined) draft.metadata.resourceVersion = resourceVersion;
  if (managedFields !== undefined) draft.metadata.managedFields = managedFields;
}

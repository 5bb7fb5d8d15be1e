import type { Node } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { NodeCheck } from './node-restriction.ts';

export const nodeProblem: NodeCheck = (node, { draft, old, request }) => {
  const target = request.name ?? draft?.metadata.name ?? '';
  const shown = JSON.stringify(node);
  if (target !== node) return `node ${shown} is not allowed to modify node ${JSON.stringify(target)}`;
  const [wanted, before] = [draft, old] as (Node | undefined)[];
  if (request.operation === 'CREATE' && wanted) {
    const refused = refusedLabels({}, wanted.metadata.labels ?? {});
    return refused.length > 0
      ? `node ${shown} is not allowed to set the following labels: ${refused.join(', ')}`
      : undefined;
  }
  if (request.operation !== 'UPDATE' || !wanted || !before) return undefined;
  if (!semanticEqual(wanted.metadata.ownerReferences, before.metadata.ownerReferences)) {
    return `node ${shown} is not allowed to modify ownerReferences`;
  }
  if (wanted.spec?.configSource && !semanticEqual(wanted.spec.configSource, before.spec?.configSource)) {
    return `node ${shown} is not allowed to update configSource to a new non-nil configSource`;
  }
  // A node must not free itself of what keeps pods away.
  if (!semanticEqual(wanted.spec?.taints, before.spec?.taints)) return `node ${shown} is not allowed to modify taints`;
  const refused = refusedLabels(before.metadata.labels ?? {}, wanted.metadata.labels ?? {});
  return refused.length > 0 ? `is not allowed to modify labels: ${refused.join(', ')}` : undefined;
};

type Labels = Readonly<Record<string, string>>;

function refusedLabels(before: Labels, after: Labels): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => before[key] !== after[key] && isRefused(key)).sort();
}

const kubeletLabels = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);

/** Of the labels of Kubernetes itself an agent sets those that say what its machine is; who may run there is for others to say. */
function isRefused(key: string): boolean {
  const slash = key.indexOf('/');
  const domain = slash === -1 ? '' : key.slice(0, slash);
  const isIn = (wanted: string) => domain === wanted || domain.endsWith(`.${wanted}`);
  if (isIn('node-restriction.kubernetes.io')) return true;
  if (!isIn('kubernetes.io') && !isIn('k8s.io')) return false;
  return !kubeletLabels.has(key) && !isIn('kubelet.kubernetes.io') && !isIn('node.kubernetes.io');
}

/** The agent of a node writes to its own Node and to its own pods only. What it may read is the node authoriser's affair. */
import type { KubeObject, Node, Pod } from '@slipway/api/types';
import { nodeNameOf } from '../../authz/node-authorizer.ts';
import { forbidden } from '../../registry/status-errors.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts';

const refusedLabelDomain = 'node-restriction.kubernetes.io/';

export const nodeRestriction: AdmissionPlugin = {
  name: 'NodeRestriction',
  on: [{ operations: ['CREATE', 'UPDATE', 'DELETE'], group: '', resources: ['nodes', 'nodes/*', 'pods', 'pods/*'] }],

  validate({ draft, old, request }) {
    const node = nodeNameOf(request.user);
    if (node === undefined) return;
    if (request.api.resource === 'nodes') checkNode(node, draft as Node | undefined, old as Node | undefined, request);
    else checkPod(node, draft, old, request);
  },
};

function checkNode(
  node: string,
  draft: Node | undefined,
  old: Node | undefined,
  { operation, name }: AdmissionRequest,
): void {
  const target = name ?? draft?.metadata.name ?? '';
  const refuse = (reason: string) => forbidden({ group: '', resource: 'nodes' }, target, reason);
  if (target !== node)
    throw refuse(`node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(target)}`);
  if (operation !== 'UPDATE' || !draft || !old) return;
  const labels = draft.metadata.labels ?? {};
  const before = old.metadata.labels ?? {};
  const changed = [...new Set([...Object.keys(labels), ...Object.keys(before)])].filter(
    (key) => labels[key] !== before[key],
  );
  const refused = changed.filter((key) => key.startsWith(refusedLabelDomain));
  if (refused.length > 0) {
    throw refuse(`is not allowed to modify labels: ${refused.join(', ')}`);
  }
  if (JSON.stringify(draft.spec?.taints ?? []) !== JSON.stringify(old.spec?.taints ?? [])) {
    throw refuse(`node ${JSON.stringify(node)} is not allowed to modify taints`);
  }
}

function checkPod(
  node: string,
  draft: KubeObject | undefined,
  old: KubeObject | undefined,
  request: AdmissionRequest,
): void {
  const pod = (old ?? draft) as Pod | undefined;
  if (!pod || request.subresource === 'eviction') return;
  const name = pod.metadata.name ?? '';
  const runsHere = pod.spec?.nodeName === node;
  if (request.operation === 'CREATE') {
    const isMirror = pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
    if (isMirror && runsHere) return;
    const reason = isMirror
      ? `node ${JSON.stringify(node)} can only create pods with spec.nodeName set to itself`
      : `pod does not have "kubernetes.io/config.mirror" annotation, node ${JSON.stringify(node)} can only create mirror pods`;
    throw forbidden({ group: '', resource: 'pods' }, name, reason);
  }
  if (runsHere) return;
  const verb = request.operation === 'DELETE' ? 'delete' : 'update status for';
  throw forbidden(
    { group: '', resource: 'pods' },
    name,
    `node ${JSON.stringify(node)} can only ${verb} pods with spec.nodeName set to itself`,
  );
}

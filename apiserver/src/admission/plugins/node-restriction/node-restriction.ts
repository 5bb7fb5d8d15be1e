/**
 * The agent of a node writes to its own Node, pods, lease and CSINode, and asks for tokens and certificates for its own sake only. What it
 * may read is the node authoriser's affair. Rules and texts are upstream's.
 */
import { StatusError } from '@slipway/api/status-error';
import { nodeNameOf } from '../../../authz/node-authorizer.ts';
import { forbidden } from '../../../registry/status-errors.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionWrite } from '../../plugin.ts';
import { claimStatusProblem, csiNodeProblem, csrProblem, leaseProblem, resourceSliceProblem } from './own-objects.ts';
import { addressProblem, subnetProblem } from './own-addresses.ts';
import { nodeProblem } from './own-node.ts';
import { podProblem } from './own-pods.ts';
import { taskProblem } from './own-tasks.ts';
import { tokenProblem } from './own-tokens.ts';

/** Why the agent of the node may not write this; a StatusError where it is no question of rights. */
export type NodeCheck = (node: string, write: AdmissionWrite, deps: AdmissionDeps) => string | StatusError | undefined;

const checks: Readonly<Record<string, NodeCheck>> = {
  '/pods': podProblem,
  '/nodes': nodeProblem,
  '/persistentvolumeclaims': claimStatusProblem,
  '/serviceaccounts': tokenProblem,
  'coordination.k8s.io/leases': leaseProblem,
  'storage.k8s.io/csinodes': csiNodeProblem,
  'resource.k8s.io/resourceslices': resourceSliceProblem,
  'certificates.k8s.io/certificatesigningrequests': csrProblem,
  'networks.slipway.dev/networksubnets': subnetProblem,
  'networks.slipway.dev/networkaddresses': addressProblem,
  'ecs.slipway.dev/tasks': taskProblem,
};

const operations = ['CREATE', 'UPDATE', 'DELETE'] as const;

export const nodeRestriction: AdmissionPlugin = {
  name: 'NodeRestriction',
  on: [
    {
      operations,
      group: '',
      resources: ['nodes', 'nodes/*', 'pods', 'pods/*', 'persistentvolumeclaims/*', 'serviceaccounts/token'],
    },
    { operations, group: 'coordination.k8s.io', resources: ['leases'] },
    { operations, group: 'storage.k8s.io', resources: ['csinodes'] },
    { operations, group: 'resource.k8s.io', resources: ['resourceslices'] },
    { operations, group: 'networks.slipway.dev', resources: ['networksubnets', 'networkaddresses'] },
    { operations, group: 'ecs.slipway.dev', resources: ['tasks', 'tasks/*'] },
    { operations: ['CREATE'], group: 'certificates.k8s.io', resources: ['certificatesigningrequests'] },
  ],

  validate(write, deps) {
    const { user, api, name, operation, subresource } = write.request;
    const node = nodeNameOf(user);
    if (node === undefined || operation === 'CONNECT') return;
    const problem = checks[`${api.group}/${api.resource}`]?.(node, write, deps);
    if (problem instanceof StatusError) throw problem;
    if (problem === undefined) return;
    const named = name ?? write.draft?.metadata.name ?? '';
    throw forbidden(
      { ...api, resource: subresource ? `${api.resource}/${subresource}` : api.resource },
      named,
      problem,
    );
  },
};

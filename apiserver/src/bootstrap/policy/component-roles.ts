/** Roles for the parts of a cluster and those that work for it, by upstream's names. A table: read it as one. */
import { on, read, readUpdate, reviewAccess, reviewTokens, type Rules, tellEvents } from './policy-rule.ts';

const csrs = 'certificatesigningrequests';
const csrRole = `system:certificates.k8s.io:${csrs}`;
const approveRole = (signer: string): Readonly<Record<string, Rules>> => ({
  [`system:certificates.k8s.io:${signer}-approver`]: [
    on('certificates.k8s.io', 'signers', 'approve', `kubernetes.io/${signer}`),
  ],
});

/** What an agent needs. The node authoriser allows a part of it only for what the node's own pods refer to. */
export const nodeRules: Rules = [
  reviewTokens,
  on('authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews', 'create'),
  on('core', 'services', read),
  on('core', 'nodes', 'create get list watch'),
  on('core', 'nodes/status', 'patch update'),
  on('core', 'nodes', 'patch update'),
  on('core', 'events', 'create patch update'),
  on('core', 'pods', read),
  on('core', 'pods', 'create delete'),
  on('core', 'pods/status', 'patch update'),
  on('core', 'pods/eviction', 'create'),
  on('core', 'configmaps secrets', read),
  on('core', 'persistentvolumeclaims persistentvolumes', 'get'),
  on('core', 'endpoints', 'get'),
  on('certificates.k8s.io', csrs, 'create get list watch'),
  on('coordination.k8s.io', 'leases', 'create delete get patch update'),
  on('storage.k8s.io', 'volumeattachments', 'get'),
  on('core', 'persistentvolumeclaims/status', 'get patch update'),
  on('core', 'serviceaccounts/token', 'create'),
  on('core', 'serviceaccounts', 'get'),
  on('storage.k8s.io', 'csidrivers', read),
  on('storage.k8s.io', 'csinodes', 'create delete get patch update'),
  on('node.k8s.io', 'runtimeclasses', read),
  on('resource.k8s.io', 'resourceclaims', 'get'),
  on('resource.k8s.io', 'resourceslices', 'deletecollection'),
  // Networks of pods, which upstream's agent knows nothing of: whether a pod's namespace may join, and the node's part of the addresses.
  on('core', 'namespaces', 'get'),
  on('k8s.cni.cncf.io', 'network-attachment-definitions', 'get'),
  on('networks.slipway.dev', 'networks', read),
  on('networks.slipway.dev', 'networkaddresses networksubnets', 'create delete get list watch'),
];

const kubeletApi = 'nodes/log nodes/metrics nodes/proxy nodes/stats';
const kubeletApiParts = 'nodes/configz nodes/healthz nodes/pods';

export const componentRoles: Readonly<Record<string, Rules>> = {
  'system:node': nodeRules,
  'system:node-problem-detector': [on('core', 'nodes', 'get'), on('core', 'nodes/status', 'patch'), tellEvents],
  'system:node-proxier': [
    on('core', 'endpoints services', 'list watch'),
    on('core', 'nodes', read),
    tellEvents,
    on('discovery.k8s.io', 'endpointslices', 'list watch'),
    on('networking.k8s.io', 'servicecidrs', 'list watch'),
  ],
  'system:node-bootstrapper': [on('certificates.k8s.io', csrs, 'create get list watch')],
  'system:kubelet-api-admin': [
    on('core', 'nodes', read),
    on('core', 'nodes', 'proxy'),
    on('core', kubeletApi, '*'),
    on('core', kubeletApiParts, '*'),
  ],
  'system:kube-aggregator': [on('core', 'endpoints services', read)],
  'system:kube-dns': [on('core', 'endpoints services', 'list watch')],
  'system:kube-controller-manager': [
    tellEvents,
    on('coordination.k8s.io', 'leases', 'create'),
    on('coordination.k8s.io', 'leases', 'get update', 'kube-controller-manager'),
    on('core', 'secrets serviceaccounts', 'create'),
    on('core', 'secrets', 'delete'),
    on('core', 'configmaps namespaces secrets serviceaccounts', 'get'),
    on('core', 'secrets serviceaccounts', 'update'),
    reviewTokens,
    reviewAccess,
    on('*', '*', 'list watch'),
    on('core', 'serviceaccounts/token', 'create'),
  ],
  'system:kube-scheduler': [
    tellEvents,
    on('coordination.k8s.io', 'leases', 'create'),
    on('coordination.k8s.io', 'leases', 'get list update watch', 'kube-scheduler'),
    on('core', 'nodes', read),
    on('core', 'pods', 'delete get list watch'),
    on('core', 'bindings pods/binding', 'create'),
    on('core', 'pods/status', 'patch update'),
    on('core', 'replicationcontrollers services', read),
    on('apps extensions', 'replicasets', read),
    on('apps', 'statefulsets', read),
    on('policy', 'poddisruptionbudgets', read),
    on('core', 'persistentvolumeclaims persistentvolumes', read),
    reviewTokens,
    reviewAccess,
    on('storage.k8s.io', 'csinodes', read),
    on('core', 'namespaces', read),
    on('storage.k8s.io', 'csidrivers', read),
    on('storage.k8s.io', 'csistoragecapacities', read),
    on('storage.k8s.io', 'volumeattachments', read),
    on('resource.k8s.io', 'deviceclasses', read),
    on('resource.k8s.io', 'resourceclaims', readUpdate),
    on('resource.k8s.io', 'resourceclaims', 'create delete'),
    on('resource.k8s.io', 'resourceclaims/status', readUpdate),
    on('resource.k8s.io', 'resourceclaims/binding', 'patch update'),
    on('core', 'pods/finalizers', readUpdate),
    on('resource.k8s.io', 'resourceslices', read),
    on('resource.k8s.io', 'devicetaintrules', read),
  ],
  'system:volume-scheduler': [
    on('core', 'persistentvolumes', 'get list patch update watch'),
    on('storage.k8s.io', 'storageclasses', read),
    on('core', 'persistentvolumeclaims', 'get list patch update watch'),
  ],
  'system:persistent-volume-provisioner': [
    on('core', 'persistentvolumes', 'create delete get list watch'),
    on('core', 'persistentvolumeclaims', 'get list update watch'),
    on('storage.k8s.io', 'storageclasses', read),
    on('core', 'events', 'watch'),
    tellEvents,
  ],
  [`${csrRole}:nodeclient`]: [on('certificates.k8s.io', `${csrs}/nodeclient`, 'create')],
  [`${csrRole}:selfnodeclient`]: [on('certificates.k8s.io', `${csrs}/selfnodeclient`, 'create')],
  ...approveRole('kube-apiserver-client'),
  ...approveRole('kube-apiserver-client-kubelet'),
  ...approveRole('kubelet-serving'),
  ...approveRole('legacy-unknown'),
};

/** The roles and bindings that every cluster begins with, by upstream's names. A table: read it as one. */
import type { PolicyRule } from '@slipway/api/types';
import { rbacGroup } from '../authz/rbac.ts';

type Rules = readonly PolicyRule[];

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];

const rule = (apiGroups: string[], resources: string[], verbs: string[], resourceNames?: string[]): PolicyRule => ({
  apiGroups,
  resources,
  verbs,
  ...(resourceNames ? { resourceNames } : {}),
});
const urls = (nonResourceURLs: string[]): PolicyRule => ({ nonResourceURLs, verbs: ['get'] });
const events = rule(['', 'events.k8s.io'], ['events'], ['create', 'patch', 'update']);
const leaseOf = (name: string): PolicyRule[] => [
  rule(['coordination.k8s.io'], ['leases'], ['create']),
  rule(['coordination.k8s.io'], ['leases'], ['get', 'update'], [name]),
];

const workloads = [
  'deployments',
  'deployments/scale',
  'replicasets',
  'replicasets/scale',
  'statefulsets',
  'statefulsets/scale',
  'daemonsets',
];
const coreOfUsers = [
  'configmaps',
  'endpoints',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'replicationcontrollers/scale',
  'serviceaccounts',
  'services',
];
const jobs = ['cronjobs', 'jobs'];

const viewRules: Rules = [
  rule(
    [''],
    [
      ...coreOfUsers,
      'bindings',
      'events',
      'limitranges',
      'namespaces',
      'namespaces/status',
      'persistentvolumeclaims/status',
      'pods/log',
      'pods/status',
      'replicationcontrollers/status',
      'resourcequotas',
      'resourcequotas/status',
      'services/status',
    ],
    read,
  ),
  rule(['events.k8s.io'], ['events'], read),
  rule(['discovery.k8s.io'], ['endpointslices'], read),
  rule(
    ['apps'],
    [
      ...workloads,
      'controllerrevisions',
      'daemonsets/status',
      'deployments/status',
      'replicasets/status',
      'statefulsets/status',
    ],
    read,
  ),
  rule(['autoscaling'], ['horizontalpodautoscalers', 'horizontalpodautoscalers/status'], read),
  rule(['batch'], [...jobs, 'cronjobs/status', 'jobs/status'], read),
  rule(['policy'], ['poddisruptionbudgets', 'poddisruptionbudgets/status'], read),
  rule(['networking.k8s.io'], ['ingresses', 'ingresses/status', 'networkpolicies'], read),
];

const editRules: Rules = [
  rule([''], ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'secrets', 'services/proxy'], read),
  rule([''], ['serviceaccounts'], ['impersonate']),
  rule([''], ['pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'], write),
  rule([''], ['pods/eviction', 'serviceaccounts/token'], ['create']),
  rule([''], [...coreOfUsers, 'secrets', 'services/proxy'], write),
  rule([''], ['events'], write),
  rule(['apps'], [...workloads, 'deployments/rollback'], write),
  rule(['autoscaling'], ['horizontalpodautoscalers'], write),
  rule(['batch'], jobs, write),
  rule(['policy'], ['poddisruptionbudgets'], write),
  rule(['networking.k8s.io'], ['ingresses', 'networkpolicies'], write),
  rule(['coordination.k8s.io'], ['leases'], [...read, ...write]),
];

const adminRules: Rules = [
  rule(['authorization.k8s.io'], ['localsubjectaccessreviews'], ['create']),
  rule([rbacGroup], ['rolebindings', 'roles'], [...read, ...write]),
];

const discoveryUrls = [
  '/api',
  '/api/*',
  '/apis',
  '/apis/*',
  '/healthz',
  '/livez',
  '/openapi',
  '/openapi/*',
  '/readyz',
  '/version',
  '/version/',
];

export const clusterRoles: Readonly<Record<string, Rules>> = {
  'cluster-admin': [rule(['*'], ['*'], ['*']), { nonResourceURLs: ['*'], verbs: ['*'] }],
  admin: [...adminRules, ...editRules, ...viewRules],
  edit: [...editRules, ...viewRules],
  view: viewRules,
  'system:basic-user': [
    rule(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
    rule(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
  ],
  'system:discovery': [urls(discoveryUrls)],
  'system:public-info-viewer': [urls(['/healthz', '/livez', '/readyz', '/version', '/version/'])],
  'system:monitoring': [
    urls(['/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*']),
  ],
  'system:auth-delegator': [
    rule(['authentication.k8s.io'], ['tokenreviews'], ['create']),
    rule(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
  ],
  'system:service-account-issuer-discovery': [urls(['/.well-known/openid-configuration', '/openid/v1/jwks'])],
  'system:node-proxier': [
    rule([''], ['endpoints', 'services', 'nodes'], read),
    rule(['discovery.k8s.io'], ['endpointslices'], read),
    events,
  ],
  // Everything but handing out rights: controllers clean up whatever kinds there are.
  'system:kube-controller-manager': [rule(['*'], ['*'], [...read, ...write]), urls(discoveryUrls)],
  'system:kube-scheduler': [
    events,
    ...leaseOf('kube-scheduler'),
    rule(
      [''],
      ['nodes', 'namespaces', 'replicationcontrollers', 'services', 'persistentvolumeclaims', 'persistentvolumes'],
      read,
    ),
    rule([''], ['pods'], [...read, 'delete']),
    rule([''], ['bindings', 'pods/binding'], ['create']),
    rule([''], ['pods/status'], ['patch', 'update']),
    rule(['apps'], ['replicasets', 'statefulsets'], read),
    rule(['policy'], ['poddisruptionbudgets'], read),
    rule(
      ['storage.k8s.io'],
      ['csinodes', 'csidrivers', 'csistoragecapacities', 'storageclasses', 'volumeattachments'],
      read,
    ),
    rule(['resource.k8s.io'], ['deviceclasses', 'resourceclaims', 'resourceslices'], read),
    rule(['authentication.k8s.io'], ['tokenreviews'], ['create']),
    rule(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
  ],
};

interface BootstrapSubject {
  readonly kind: 'Group' | 'User';
  readonly name: string;
}

const group = (name: string): BootstrapSubject => ({ kind: 'Group', name });
const user = (name: string): BootstrapSubject => ({ kind: 'User', name });

/** Name of binding and role alike, and who gets it. */
export const clusterRoleBindings: Readonly<Record<string, readonly BootstrapSubject[]>> = {
  'cluster-admin': [group('system:masters')],
  'system:basic-user': [group('system:authenticated')],
  'system:discovery': [group('system:authenticated')],
  'system:public-info-viewer': [group('system:authenticated'), group('system:unauthenticated')],
  'system:monitoring': [group('system:monitoring')],
  'system:service-account-issuer-discovery': [group('system:serviceaccounts')],
  'system:node-proxier': [user('system:kube-proxy')],
  'system:kube-controller-manager': [user('system:kube-controller-manager')],
  'system:kube-scheduler': [user('system:kube-scheduler')],
};

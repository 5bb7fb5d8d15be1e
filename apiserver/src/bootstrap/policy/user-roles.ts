/** Roles for people and their tools, by upstream's names. A table: read it as one. */
import { at, on, read, readWrite, reviewAccess, reviewTokens, type Rules, write } from './policy-rule.ts';

const health = '/healthz /livez /readyz';
const version = '/version /version/';

/** Rules that are collected into `view`, `edit` and `admin` by the labels of the roles that hold them. */
export const aggregatedRoles: Readonly<Record<'admin' | 'edit' | 'view', Rules>> = {
  admin: [
    on('authorization.k8s.io', 'localsubjectaccessreviews', 'create'),
    on('rbac.authorization.k8s.io', 'rolebindings roles', readWrite),
  ],
  edit: [
    // Who may read these can act as others: they are no part of `view`.
    on('core', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy', read),
    on('core', 'serviceaccounts', 'impersonate'),
    on('core', 'pods pods/attach pods/exec pods/portforward pods/proxy', write),
    on('core', 'pods/eviction', 'create'),
    on(
      'core',
      'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
      write,
    ),
    on('core', 'serviceaccounts/token', 'create'),
    on(
      'apps',
      'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
      write,
    ),
    on('autoscaling', 'horizontalpodautoscalers', write),
    on('batch', 'cronjobs jobs', write),
    on(
      'extensions',
      'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale',
      write,
    ),
    on('policy', 'poddisruptionbudgets', write),
    on('networking.k8s.io', 'ingresses networkpolicies', write),
    on('coordination.k8s.io', 'leases', readWrite),
    on('resource.k8s.io', 'resourceclaims resourceclaimtemplates', write),
  ],
  view: [
    on(
      'core',
      'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
      read,
    ),
    on(
      'core',
      'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
      read,
    ),
    on('core', 'namespaces', read),
    on('discovery.k8s.io', 'endpointslices', read),
    on(
      'apps',
      'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
      read,
    ),
    on('autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status', read),
    on('batch', 'cronjobs cronjobs/status jobs jobs/status', read),
    on(
      'extensions',
      'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
      read,
    ),
    on('policy', 'poddisruptionbudgets poddisruptionbudgets/status', read),
    on('networking.k8s.io', 'ingresses ingresses/status networkpolicies', read),
    on('resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates', read),
  ],
};

export const userRoles: Readonly<Record<string, Rules>> = {
  'cluster-admin': [on('*', '*', '*'), { nonResourceURLs: ['*'], verbs: ['*'] }],
  // For users of the ECS API and of its kinds; bound in a namespace they hold for the tasks and services of that cluster.
  'slipway:ecs': [on('ecs.slipway.dev', '*', readWrite), on('core', 'namespaces', 'create')],
  'slipway:ecs-view': [on('ecs.slipway.dev', '*', read)],
  // For users whose pods join networks. Who makes Networks or attachment definitions configures nodes: that is for administrators.
  'slipway:networks-view': [
    on('networks.slipway.dev', '*', read),
    on('k8s.cni.cncf.io', 'network-attachment-definitions', read),
  ],
  'system:basic-user': [
    on('authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews', 'create'),
    on('authentication.k8s.io', 'selfsubjectreviews', 'create'),
  ],
  'system:discovery': [at(`/api /api/* /apis /apis/* ${health} /openapi /openapi/* ${version}`)],
  'system:public-info-viewer': [at(`${health} ${version}`)],
  'system:monitoring': [at(`${health} /healthz/* /livez/* /readyz/* /metrics /metrics/slis`)],
  'system:auth-delegator': [reviewTokens, reviewAccess],
  'system:service-account-issuer-discovery': [
    at('/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/'),
  ],
  'system:heapster': [on('core', 'events namespaces nodes pods', read), on('extensions', 'deployments', read)],
};

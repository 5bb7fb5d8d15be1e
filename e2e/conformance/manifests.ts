/** The smallest object of every kind that a server accepts, and what is particular about the kind. */
import type { ApiClient } from './api-client.ts';

export interface KindCase {
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespaced: boolean;
  /** Without kind, apiVersion and metadata. */
  readonly content: object;
  /** Whether an update without resourceVersion overwrites. */
  readonly unconditionalUpdate: boolean;
  /** Whether an update of something absent makes it. */
  readonly createsOnUpdate: boolean;
  /** Whether a delete answers the object instead of a Status. */
  readonly answersDeleted: boolean;
}

type Particular = Partial<Pick<KindCase, 'namespaced' | 'unconditionalUpdate' | 'createsOnUpdate' | 'answersDeleted'>>;

function kindCase(
  apiVersion: string,
  kind: string,
  resource: string,
  content: object,
  more: Particular = {},
): KindCase {
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const usual = { namespaced: true, unconditionalUpdate: true, createsOnUpdate: false, answersDeleted: false };
  return { kind, group, version, resource, content, ...usual, ...more };
}

/** Nobody schedules or runs it, wherever the suite runs. */
export const podSpec = {
  schedulerName: 'conformance-nobody',
  serviceAccountName: 'default',
  automountServiceAccountToken: false,
  containers: [{ name: 'c', image: 'registry.invalid/none:1' }],
};

export function podTemplate(labels: Readonly<Record<string, string>>) {
  return { metadata: { labels }, spec: podSpec };
}

/** No replicas, so that no controller has anything to do. */
export const workload = {
  replicas: 0,
  selector: { matchLabels: { app: 'x' } },
  template: podTemplate({ app: 'x' }),
};

const nowhere = { template: { ...podTemplate({ app: 'x' }), spec: { ...podSpec, nodeSelector: { no: 'where' } } } };
const suspendedJob = { suspend: true, template: { spec: { ...podSpec, restartPolicy: 'Never' } } };
const autoscaling = { maxReplicas: 1, scaleTargetRef: { kind: 'Deployment', name: 'absent' } };
const clusterScoped = { namespaced: false } as const;
const rbac = 'rbac.authorization.k8s.io';
const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
const roleRef = (kind: string) => ({ apiGroup: rbac, kind, name: 'conformance-absent' });

/** Without those whose dependents outlive them unless somebody says otherwise (Jobs, ReplicationControllers). */
export const kindCases: readonly KindCase[] = [
  kindCase('v1', 'ConfigMap', 'configmaps', { data: { k: 'v' } }),
  kindCase('v1', 'Secret', 'secrets', { data: { k: 'dg==' } }),
  kindCase('v1', 'Namespace', 'namespaces', {}, clusterScoped),
  kindCase('v1', 'Node', 'nodes', { spec: { unschedulable: true } }, clusterScoped),
  kindCase('v1', 'Pod', 'pods', { spec: podSpec }, { answersDeleted: true }),
  kindCase(
    'v1',
    'Service',
    'services',
    { spec: { ports: [{ port: 80 }] } },
    { answersDeleted: true, createsOnUpdate: true },
  ),
  kindCase(
    'v1',
    'ServiceAccount',
    'serviceaccounts',
    { automountServiceAccountToken: false },
    { answersDeleted: true },
  ),
  kindCase('v1', 'Event', 'events', { reason: 'Test' }, { createsOnUpdate: true }),
  kindCase(
    'events.k8s.io/v1',
    'Event',
    'events',
    {
      action: 'Testing',
      reason: 'Test',
      type: 'Normal',
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'example.com/conformance',
      reportingInstance: 'one',
    },
    { createsOnUpdate: true },
  ),
  kindCase('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', { addressType: 'IPv4', endpoints: [] }),
  kindCase(
    'coordination.k8s.io/v1',
    'Lease',
    'leases',
    { spec: { holderIdentity: 'me' } },
    { createsOnUpdate: true, unconditionalUpdate: false },
  ),
  kindCase('apps/v1', 'Deployment', 'deployments', { spec: workload }),
  kindCase('apps/v1', 'ReplicaSet', 'replicasets', { spec: workload }),
  kindCase('apps/v1', 'StatefulSet', 'statefulsets', { spec: workload }),
  kindCase('apps/v1', 'DaemonSet', 'daemonsets', { spec: { ...nowhere, selector: workload.selector } }),
  kindCase('apps/v1', 'ControllerRevision', 'controllerrevisions', { revision: 1, data: { a: 'b' } }),
  kindCase('batch/v1', 'CronJob', 'cronjobs', {
    spec: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: { template: suspendedJob.template } } },
  }),
  kindCase('v1', 'PodTemplate', 'podtemplates', { template: workload.template }, { answersDeleted: true }),
  kindCase('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', { spec: {} }, { unconditionalUpdate: false }),
  kindCase('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', { spec: autoscaling }),
  kindCase('networking.k8s.io/v1', 'Ingress', 'ingresses', {
    spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } },
  }),
  kindCase('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', {
    spec: { podSelector: { matchLabels: { no: 'body' } } },
  }),
  kindCase(
    'networking.k8s.io/v1',
    'IngressClass',
    'ingressclasses',
    { spec: { controller: 'a.example/b' } },
    clusterScoped,
  ),
  kindCase(
    'v1',
    'Endpoints',
    'endpoints',
    { subsets: [{ addresses: [{ ip: '10.1.2.3' }] }] },
    { createsOnUpdate: true },
  ),
  kindCase('v1', 'LimitRange', 'limitranges', { spec: { limits: [] } }, { createsOnUpdate: true }),
  kindCase('v1', 'ResourceQuota', 'resourcequotas', { spec: {} }, { answersDeleted: true }),
  kindCase('scheduling.k8s.io/v1', 'PriorityClass', 'priorityclasses', { value: 1 }, clusterScoped),
  kindCase(
    'storage.k8s.io/v1',
    'StorageClass',
    'storageclasses',
    { provisioner: 'a.example/b' },
    {
      namespaced: false,
      answersDeleted: true,
    },
  ),
  kindCase(`${rbac}/v1`, 'Role', 'roles', { rules }, { createsOnUpdate: true }),
  kindCase(`${rbac}/v1`, 'ClusterRole', 'clusterroles', { rules }, { createsOnUpdate: true, namespaced: false }),
  kindCase(`${rbac}/v1`, 'RoleBinding', 'rolebindings', { roleRef: roleRef('Role') }, { createsOnUpdate: true }),
  kindCase(
    `${rbac}/v1`,
    'ClusterRoleBinding',
    'clusterrolebindings',
    { roleRef: roleRef('ClusterRole') },
    { createsOnUpdate: true, namespaced: false },
  ),
];

export function apiVersionOf({ group, version }: KindCase): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Events are kept once, and called by their core name in errors. */
export function errorGroupOf({ group }: KindCase): string {
  return group === 'events.k8s.io' ? '' : group;
}

/** `configmaps` or `deployments.apps`, as error texts name them. */
export function qualified(kind: KindCase): string {
  const group = errorGroupOf(kind);
  return group === '' ? kind.resource : `${kind.resource}.${group}`;
}

export function collectionOf({ group, version, resource, namespaced }: KindCase, namespace: string): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespaced ? `${root}/namespaces/${namespace}/${resource}` : `${root}/${resource}`;
}

export function objectOf(kind: KindCase, name: string, metadata: object = {}): object {
  return { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata: { name, ...metadata }, ...kind.content };
}

export function configMap(name: string, data: Readonly<Record<string, string>> = {}, metadata: object = {}): object {
  return { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, ...metadata }, data };
}

export function pod(name: string, spec: object = {}, metadata: object = {}): object {
  return { kind: 'Pod', apiVersion: 'v1', metadata: { name, ...metadata }, spec: { ...podSpec, ...spec } };
}

export function deployment(name: string, spec: object = {}, metadata: object = {}): object {
  return { kind: 'Deployment', apiVersion: 'apps/v1', metadata: { name, ...metadata }, spec: { ...workload, ...spec } };
}

export function service(name: string, spec: object = {}, metadata: object = {}): object {
  const given = { ports: [{ port: 80 }], ...spec };
  return { kind: 'Service', apiVersion: 'v1', metadata: { name, ...metadata }, spec: given };
}

/** Servers keep the newest changes in memory, whatever their store forgets; this many bytes push older ones out. */
export async function outgrowMemory(client: ApiClient, secrets: string): Promise<void> {
  const data = { k: Buffer.alloc(700_000).toString('base64') };
  for (let index = 0; index < 10; index++) {
    await client.made(secrets, { metadata: { name: `large-${index}` }, data });
    await client.delete(`${secrets}/large-${index}`);
  }
}

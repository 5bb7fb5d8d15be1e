import { type ApiResource, apiVersionOf, builtInResources } from '@slipway/api/resources';
import type { ResourcePath } from '@slipway/api/transport';
import type {
  CertificateSigningRequest,
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  ControllerRevision,
  DaemonSet,
  CronJob,
  Deployment,
  Endpoints,
  EndpointSlice,
  Event,
  Job,
  KubeObject,
  Lease,
  Namespace,
  NetworkPolicy,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  ReplicationController,
  ResourceQuota,
  Role,
  RoleBinding,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
  StorageClass,
  ValidatingAdmissionPolicy,
} from '@slipway/api/types';
import {
  type CapacityProvider,
  type Cluster,
  type ContainerInstance,
  ecsGroup,
  type Service as EcsService,
  type ServiceDeployment,
  type ServiceRevision,
  type Task,
  type TaskDefinition,
  type TaskDefinitionFamily,
} from '@slipway/api/ecs/kinds';
import {
  type AddressPool,
  type Network,
  type NetworkAddress,
  type NetworkAttachmentDefinition,
  networksGroup,
  type NetworkSubnet,
} from '@slipway/api/networks/network-types';
import { invariant } from '@slipway/kit/invariant';

/** A resource as a client addresses it. `T` is the type of its objects; nothing of it exists when the code runs. */
export interface Kind<T extends KubeObject = KubeObject> {
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower-case plural: `pods`. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly objectType?: T;
}

/** `NAMESPACE/NAME`, or `NAME` for a cluster-scoped object. */
export type ObjectKey = string;

/** Names one object of a kind. */
export interface ObjectRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export function kindFrom<T extends KubeObject = KubeObject>(resource: ApiResource): Kind<T> {
  const { group, version, kind, namespaced } = resource;
  return { group, version, resource: resource.resource, kind, namespaced };
}

/** `apps/v1`, or `v1`. */
export function apiVersionOfKind(kind: Kind): string {
  return apiVersionOf(kind);
}

/** Identifies a kind in maps and logs: `deployments.apps`, `pods`. */
export function kindId(kind: Pick<Kind, 'group' | 'resource'>): string {
  return kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`;
}

export function keyOf(object: KubeObject): ObjectKey {
  return keyFrom({ namespace: object.metadata.namespace, name: object.metadata.name ?? '' });
}

export function keyFrom({ namespace, name }: ObjectRef): ObjectKey {
  return namespace ? `${namespace}/${name}` : name;
}

export function parseKey(key: ObjectKey): ObjectRef {
  const slash = key.indexOf('/');
  return slash === -1 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export function pathFor(kind: Kind, ref: Partial<ObjectRef> = {}, subresource?: string): ResourcePath {
  return {
    group: kind.group,
    version: kind.version,
    resource: kind.resource,
    ...(kind.namespaced && ref.namespace ? { namespace: ref.namespace } : {}),
    ...(ref.name ? { name: ref.name } : {}),
    ...(subresource ? { subresource } : {}),
  };
}

function builtIn<T extends KubeObject>(group: string, resource: string, version = 'v1'): Kind<T> {
  const found = builtInResources.find((r) => r.group === group && r.resource === resource && r.version === version);
  invariant(found, `no built-in resource ${resource} in group "${group}"`);
  return kindFrom(found);
}

function networkKind<T extends KubeObject>(resource: string, kind: string): Kind<T> {
  return { group: networksGroup, version: 'v1', resource, kind, namespaced: false };
}

function ecsKind<T extends KubeObject>(resource: string, kind: string, namespaced: boolean): Kind<T> {
  return { group: ecsGroup, version: 'v1', resource, kind, namespaced };
}

/** The kinds that our own components read or write: built-in ones, and those of `crds/`. */
export const kinds = {
  namespaces: builtIn<Namespace>('', 'namespaces'),
  nodes: builtIn<Node>('', 'nodes'),
  pods: builtIn<Pod>('', 'pods'),
  services: builtIn<Service>('', 'services'),
  configMaps: builtIn<ConfigMap>('', 'configmaps'),
  secrets: builtIn<Secret>('', 'secrets'),
  persistentVolumeClaims: builtIn<PersistentVolumeClaim>('', 'persistentvolumeclaims'),
  persistentVolumes: builtIn<PersistentVolume>('', 'persistentvolumes'),
  validatingAdmissionPolicies: builtIn<ValidatingAdmissionPolicy>(
    'admissionregistration.k8s.io',
    'validatingadmissionpolicies',
  ),
  storageClasses: builtIn<StorageClass>('storage.k8s.io', 'storageclasses'),
  podDisruptionBudgets: builtIn<PodDisruptionBudget>('policy', 'poddisruptionbudgets'),
  resourceQuotas: builtIn<ResourceQuota>('', 'resourcequotas'),
  serviceAccounts: builtIn<ServiceAccount>('', 'serviceaccounts'),
  events: builtIn<Event>('', 'events'),
  deployments: builtIn<Deployment>('apps', 'deployments'),
  replicaSets: builtIn<ReplicaSet>('apps', 'replicasets'),
  statefulSets: builtIn<StatefulSet>('apps', 'statefulsets'),
  daemonSets: builtIn<DaemonSet>('apps', 'daemonsets'),
  controllerRevisions: builtIn<ControllerRevision>('apps', 'controllerrevisions'),
  replicationControllers: builtIn<ReplicationController>('', 'replicationcontrollers'),
  jobs: builtIn<Job>('batch', 'jobs'),
  cronJobs: builtIn<CronJob>('batch', 'cronjobs'),
  endpoints: builtIn<Endpoints>('', 'endpoints'),
  endpointSlices: builtIn<EndpointSlice>('discovery.k8s.io', 'endpointslices'),
  networkPolicies: builtIn<NetworkPolicy>('networking.k8s.io', 'networkpolicies'),
  customResourceDefinitions: builtIn<KubeObject>('apiextensions.k8s.io', 'customresourcedefinitions'),
  leases: builtIn<Lease>('coordination.k8s.io', 'leases'),
  roles: builtIn<Role>('rbac.authorization.k8s.io', 'roles'),
  roleBindings: builtIn<RoleBinding>('rbac.authorization.k8s.io', 'rolebindings'),
  clusterRoles: builtIn<ClusterRole>('rbac.authorization.k8s.io', 'clusterroles'),
  clusterRoleBindings: builtIn<ClusterRoleBinding>('rbac.authorization.k8s.io', 'clusterrolebindings'),
  certificateSigningRequests: builtIn<CertificateSigningRequest>('certificates.k8s.io', 'certificatesigningrequests'),
  networks: networkKind<Network>('networks', 'Network'),
  networkSubnets: networkKind<NetworkSubnet>('networksubnets', 'NetworkSubnet'),
  networkAddresses: networkKind<NetworkAddress>('networkaddresses', 'NetworkAddress'),
  addressPools: networkKind<AddressPool>('addresspools', 'AddressPool'),
  networkAttachmentDefinitions: {
    group: 'k8s.cni.cncf.io',
    version: 'v1',
    resource: 'network-attachment-definitions',
    kind: 'NetworkAttachmentDefinition',
    namespaced: true,
  } as Kind<NetworkAttachmentDefinition>,
  ecsClusters: ecsKind<Cluster>('clusters', 'Cluster', false),
  ecsContainerInstances: ecsKind<ContainerInstance>('containerinstances', 'ContainerInstance', false),
  ecsTaskDefinitions: ecsKind<TaskDefinition>('taskdefinitions', 'TaskDefinition', false),
  ecsTaskDefinitionFamilies: ecsKind<TaskDefinitionFamily>('taskdefinitionfamilies', 'TaskDefinitionFamily', false),
  ecsTasks: ecsKind<Task>('tasks', 'Task', true),
  ecsServices: ecsKind<EcsService>('services', 'Service', true),
  ecsServiceDeployments: ecsKind<ServiceDeployment>('servicedeployments', 'ServiceDeployment', true),
  ecsServiceRevisions: ecsKind<ServiceRevision>('servicerevisions', 'ServiceRevision', true),
  ecsCapacityProviders: ecsKind<CapacityProvider>('capacityproviders', 'CapacityProvider', false),
} as const;

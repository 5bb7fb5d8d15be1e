/** The objects of `ecs.slipway.dev/v1` under names that set them apart from the shapes of the service model, and their resources. */
export {
  type AccountSetting as AccountSettingObject,
  type CapacityProvider as CapacityProviderObject,
  type Cluster as ClusterObject,
  type ContainerInstance as ContainerInstanceObject,
  ecsGroup,
  type InstanceAttribute as NamedValue,
  type Service as ServiceObject,
  type ServiceDeployment as ServiceDeploymentObject,
  type ServiceRevision as ServiceRevisionObject,
  type StopCode,
  type Task as TaskObject,
  type TaskDefinition as TaskDefinitionObject,
  type TaskDefinitionFamily as TaskDefinitionFamilyObject,
  type TaskStatus,
} from '@slipway/api/ecs/kinds';

export const ecsVersion = 'v1';

/** Kind → resource. */
export const resources = {
  AccountSetting: 'accountsettings',
  CapacityProvider: 'capacityproviders',
  Cluster: 'clusters',
  ContainerInstance: 'containerinstances',
  Service: 'services',
  ServiceDeployment: 'servicedeployments',
  ServiceRevision: 'servicerevisions',
  Task: 'tasks',
  TaskDefinition: 'taskdefinitions',
  TaskDefinitionFamily: 'taskdefinitionfamilies',
} as const;
export type EcsKind = keyof typeof resources;

/** The objects of `ecs.slipway.dev/v1` as the dialect reads and writes them. Their rules are in `crds/ecs`. */
import type { KubeObject } from '@slipway/api/types';
import type {
  AutoScalingGroupProvider,
  CapacityProviderStrategyItem,
  ClusterConfiguration,
  ClusterServiceConnectDefaults,
  ClusterSetting,
  Container,
  ContainerInstance,
  CreateServiceRequest,
  Deployment,
  DeploymentConfiguration,
  RegisterTaskDefinitionRequest,
  RunTaskRequest,
  ServiceDeployment,
  ServiceDeploymentCircuitBreaker,
  ServiceRevision,
  Tag,
  Task,
} from './model/generated/types.ts';

export const ecsGroup = 'ecs.slipway.dev';
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

type Tagged = { readonly tags?: readonly Tag[] };
/** Times are text in objects. */
type Stored<T> = { readonly [K in keyof T]: K extends `${string}At` | 'expirationDate' ? string : T[K] };

export interface TaskDefinitionObject extends KubeObject {
  readonly spec: RegisterTaskDefinitionRequest & {
    readonly revision: number;
    readonly status: 'ACTIVE' | 'INACTIVE';
    readonly deregisteredAt?: string;
    readonly registeredBy?: string;
  };
}

export interface TaskDefinitionFamilyObject extends KubeObject {
  readonly spec: { readonly family: string; readonly lastRevision: number };
}

export interface ClusterObject extends KubeObject {
  readonly spec: Tagged & {
    readonly clusterName?: string;
    readonly settings?: readonly ClusterSetting[];
    readonly configuration?: ClusterConfiguration;
    readonly capacityProviders?: readonly string[];
    readonly defaultCapacityProviderStrategy?: readonly CapacityProviderStrategyItem[];
    readonly serviceConnectDefaults?: ClusterServiceConnectDefaults;
  };
  readonly status?: { readonly status?: string };
}

export type StopCode = NonNullable<Task['stopCode']> | 'InfrastructureHealth';

export interface TaskObject extends KubeObject {
  readonly spec: Omit<RunTaskRequest, 'cluster' | 'count'> & {
    readonly desiredStatus: 'RUNNING' | 'STOPPED';
    readonly stopCode?: StopCode;
    readonly stoppedReason?: string;
    readonly containerInstance?: string;
    readonly capacityProviderName?: string;
    readonly serviceName?: string;
    readonly serviceDeployment?: string;
    readonly serviceRevision?: string;
    readonly protection?: { readonly expirationDate: string };
  };
  readonly status?: TaskStatus;
}

export type TaskStatus = Stored<
  Omit<
    Task,
    | 'clusterArn'
    | 'taskArn'
    | 'taskDefinitionArn'
    | 'containerInstanceArn'
    | 'containers'
    | 'desiredStatus'
    | 'enableExecuteCommand'
    | 'group'
    | 'startedBy'
    | 'tags'
    | 'overrides'
    | 'version'
    | 'createdAt'
    | 'stopCode'
  >
> & {
  readonly stopCode?: StopCode;
  readonly taskDefinition?: string;
  readonly containerInstance?: string;
  readonly podName?: string;
  readonly containers?: readonly (Omit<Container, 'containerArn' | 'taskArn'> & { readonly containerId?: string })[];
};

export interface ServiceObject extends KubeObject {
  readonly spec: Omit<CreateServiceRequest, 'cluster' | 'serviceName' | 'taskDefinition'> & {
    readonly serviceName?: string;
    readonly taskDefinition: string;
    readonly desiredStatus: 'ACTIVE' | 'INACTIVE';
    readonly forceNewDeployment?: number;
    readonly createdBy?: string;
  };
  readonly status?: {
    readonly status?: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
    readonly desiredCount?: number;
    readonly runningCount?: number;
    readonly pendingCount?: number;
    readonly platformFamily?: string;
    readonly deployments?: readonly (Stored<Deployment> & {
      readonly serviceDeployment?: string;
      readonly serviceRevision?: string;
    })[];
    readonly events?: readonly { readonly id: string; readonly createdAt: string; readonly message: string }[];
    readonly currentServiceDeployment?: string;
    readonly currentServiceRevisions?: readonly (RevisionCounts & { readonly name?: string })[];
    /** Of the spec that the service scheduler has seen. */
    readonly observedGeneration?: number;
  };
}

interface RevisionCounts {
  readonly requestedTaskCount?: number;
  readonly runningTaskCount?: number;
  readonly pendingTaskCount?: number;
}

export interface ServiceRevisionObject extends KubeObject {
  readonly spec: Omit<ServiceRevision, 'serviceRevisionArn' | 'serviceArn' | 'clusterArn' | 'createdAt'> & {
    readonly serviceName: string;
    readonly taskDefinition: string;
  };
}

export interface ServiceDeploymentObject extends KubeObject {
  readonly spec: {
    readonly serviceName: string;
    readonly targetServiceRevision: string;
    readonly sourceServiceRevisions?: readonly string[];
    readonly deploymentConfiguration?: DeploymentConfiguration;
    readonly stopType?: 'ROLLBACK' | 'ABORT';
  };
  readonly status?: {
    readonly status?: NonNullable<ServiceDeployment['status']>;
    readonly statusReason?: string;
    readonly lifecycleStage?: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
    readonly stoppedAt?: string;
    readonly updatedAt?: string;
    readonly sourceServiceRevisions?: readonly (RevisionCounts & { readonly name?: string })[];
    readonly targetServiceRevision?: RevisionCounts & { readonly name?: string };
    readonly rollback?: { readonly reason?: string; readonly startedAt?: string; readonly serviceRevision?: string };
    readonly deploymentCircuitBreaker?: ServiceDeploymentCircuitBreaker;
    readonly alarms?: ServiceDeployment['alarms'];
  };
}

export interface NamedValue {
  readonly name: string;
  readonly value?: string;
}

export interface ContainerInstanceObject extends KubeObject {
  readonly spec: Tagged & {
    readonly status: 'ACTIVE' | 'DRAINING';
    readonly cluster?: string;
    readonly attributes?: readonly NamedValue[];
  };
  readonly status?: Stored<
    Pick<
      ContainerInstance,
      | 'statusReason'
      | 'ec2InstanceId'
      | 'capacityProviderName'
      | 'versionInfo'
      | 'remainingResources'
      | 'registeredResources'
      | 'agentConnected'
      | 'runningTasksCount'
      | 'pendingTasksCount'
      | 'registeredAt'
      | 'healthStatus'
    >
  > & { readonly status?: string; readonly attributes?: readonly NamedValue[] };
}

export interface CapacityProviderObject extends KubeObject {
  readonly spec: Tagged & {
    readonly name?: string;
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly autoScalingGroupProvider?: AutoScalingGroupProvider;
  };
  readonly status?: { readonly status?: string; readonly updateStatus?: string; readonly updateStatusReason?: string };
}

export interface AccountSettingObject extends KubeObject {
  readonly spec: { readonly name: string; readonly value: string; readonly principal?: string };
}

/**
 * Objects of `ecs.slipway.dev/v1`: what ECS calls task definitions, tasks and services. Schemas and rules are in `crds/ecs`. Fields have
 * ECS' names; times are RFC 3339, where the ECS API has seconds.
 */
import type { KubeObject } from '../types.ts';
import type * as ecs from './generated/types.ts';

export const ecsGroup = 'ecs.slipway.dev';

export interface TaskDefinition extends KubeObject {
  spec: Omit<
    ecs.TaskDefinition,
    | 'taskDefinitionArn'
    | 'status'
    | 'registeredAt'
    | 'deregisteredAt'
    | 'deleteRequestedAt'
    | 'family'
    | 'revision'
    | 'containerDefinitions'
  > & {
    readonly family: string;
    readonly revision: number;
    readonly containerDefinitions: readonly ecs.ContainerDefinition[];
    /** ACTIVE when it is left out. */
    readonly status?: 'ACTIVE' | 'INACTIVE';
    readonly deregisteredAt?: string;
    readonly tags?: readonly ecs.Tag[];
  };
}

/** Remembers the highest revision that a family has had. */
export interface TaskDefinitionFamily extends KubeObject {
  spec: { readonly family: string; readonly lastRevision: number };
}

/** The order in which a task has them. */
export const taskStates = [
  'PROVISIONING',
  'PENDING',
  'ACTIVATING',
  'RUNNING',
  'DEACTIVATING',
  'STOPPING',
  'DEPROVISIONING',
  'STOPPED',
] as const;
export type TaskState = (typeof taskStates)[number];

export type StopCode =
  | 'TaskFailedToStart'
  | 'EssentialContainerExited'
  | 'UserInitiated'
  | 'ServiceSchedulerInitiated'
  | 'SpotInterruption'
  | 'TerminationNotice'
  | 'InfrastructureHealth';

export interface TaskSpec {
  /** `FAMILY:REVISION`, or `FAMILY` for its newest ACTIVE revision. */
  readonly taskDefinition: string;
  readonly desiredStatus?: 'RUNNING' | 'STOPPED';
  readonly stopCode?: StopCode;
  readonly stoppedReason?: string;
  readonly containerInstance?: string;
  readonly capacityProviderName?: string;
  readonly serviceName?: string;
  readonly serviceDeployment?: string;
  readonly serviceRevision?: string;
  readonly protection?: { readonly expirationDate: string };
  readonly capacityProviderStrategy?: readonly ecs.CapacityProviderStrategyItem[];
  readonly enableExecuteCommand?: boolean;
  readonly group?: string;
  readonly launchType?: ecs.Task['launchType'];
  readonly networkConfiguration?: ecs.NetworkConfiguration;
  readonly overrides?: ecs.TaskOverride;
  readonly placementConstraints?: readonly ecs.PlacementConstraint[];
  readonly placementStrategy?: readonly ecs.PlacementStrategy[];
  readonly startedBy?: string;
  readonly tags?: readonly ecs.Tag[];
}

export type TaskContainer = Omit<ecs.Container, 'containerArn' | 'taskArn'> & {
  readonly name: string;
  /** The last part of its ARN, where the API has made one. */
  readonly containerId?: string;
};

export interface TaskCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

export interface TaskStatus {
  readonly lastStatus?: TaskState;
  /** `FAMILY:REVISION` that it runs, chosen once. */
  readonly taskDefinition?: string;
  readonly containerInstance?: string;
  readonly podName?: string;
  readonly attachments?: readonly ecs.Attachment[];
  readonly availabilityZone?: string;
  readonly capacityProviderName?: string;
  readonly connectivity?: 'CONNECTED' | 'DISCONNECTED';
  readonly connectivityAt?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly healthStatus?: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN';
  readonly launchType?: ecs.Task['launchType'];
  readonly pullStartedAt?: string;
  readonly pullStoppedAt?: string;
  readonly startedAt?: string;
  readonly stoppingAt?: string;
  readonly executionStoppedAt?: string;
  readonly stoppedAt?: string;
  readonly stopCode?: StopCode;
  readonly stoppedReason?: string;
  readonly containers?: readonly TaskContainer[];
  readonly conditions?: readonly TaskCondition[];
}

export interface Task extends KubeObject {
  spec: TaskSpec;
  status?: TaskStatus;
}

export interface InstanceAttribute {
  readonly name: string;
  readonly value?: string;
}

/** A view of a Node; it has the node's name. */
export interface ContainerInstance extends KubeObject {
  spec: {
    /** ACTIVE when it is left out. */
    readonly status?: 'ACTIVE' | 'DRAINING';
    readonly cluster?: string;
    readonly attributes?: readonly InstanceAttribute[];
    readonly tags?: readonly ecs.Tag[];
  };
  status?: ContainerInstanceStatus;
}

export interface ContainerInstanceStatus {
  readonly status?: 'ACTIVE' | 'DRAINING';
  readonly agentConnected?: boolean;
  readonly ec2InstanceId?: string;
  readonly versionInfo?: { readonly agentVersion?: string; readonly dockerVersion?: string };
  readonly registeredResources?: readonly ecs.Resource[];
  readonly registeredAt?: string;
  readonly healthStatus?: ecs.ContainerInstance['healthStatus'];
  readonly attributes?: readonly InstanceAttribute[];
}

export interface CapacityProvider extends KubeObject {
  spec: {
    readonly name?: string;
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly autoScalingGroupProvider?: ecs.AutoScalingGroupProvider;
    readonly tags?: readonly ecs.Tag[];
  };
}

/** A namespace: the one of its name. */
export interface Cluster extends KubeObject {
  spec: {
    readonly clusterName?: string;
    readonly settings?: readonly ecs.ClusterSetting[];
    readonly configuration?: ecs.ClusterConfiguration;
    readonly capacityProviders?: readonly string[];
    readonly defaultCapacityProviderStrategy?: readonly ecs.CapacityProviderStrategyItem[];
    readonly serviceConnectDefaults?: ecs.ClusterServiceConnectDefaults;
    readonly tags?: readonly ecs.Tag[];
  };
  status?: ClusterStatus;
}

export interface ClusterStatus {
  readonly status?: 'ACTIVE' | 'DEPROVISIONING';
  readonly registeredContainerInstancesCount?: number;
  readonly runningTasksCount?: number;
  readonly pendingTasksCount?: number;
  readonly activeServicesCount?: number;
  readonly observedGeneration?: number;
  readonly conditions?: readonly TaskCondition[];
}

/** Times are text in objects. */
type Stored<T> = { readonly [K in keyof T]: K extends `${string}At` ? string : T[K] };

export type StoredDeployment = Stored<ecs.Deployment> & {
  readonly id: string;
  readonly status: 'PRIMARY' | 'ACTIVE' | 'INACTIVE';
  /** The ServiceDeployment and the ServiceRevision that it is. */
  readonly serviceDeployment: string;
  readonly serviceRevision: string;
};

export interface ServiceEvent {
  readonly id: string;
  readonly createdAt: string;
  readonly message: string;
}

export interface RevisionCounts {
  readonly name?: string;
  readonly requestedTaskCount?: number;
  readonly runningTaskCount?: number;
  readonly pendingTaskCount?: number;
}

export interface ServiceStatus {
  readonly status?: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
  readonly desiredCount?: number;
  readonly runningCount?: number;
  readonly pendingCount?: number;
  readonly platformFamily?: string;
  /** The newest first. */
  readonly deployments?: readonly StoredDeployment[];
  /** The newest first. */
  readonly events?: readonly ServiceEvent[];
  readonly currentServiceDeployment?: string;
  readonly currentServiceRevisions?: readonly RevisionCounts[];
  readonly observedGeneration?: number;
  readonly conditions?: readonly TaskCondition[];
}

export type ServiceSpec = Omit<ecs.CreateServiceRequest, 'cluster' | 'serviceName'> & {
  readonly serviceName?: string;
  readonly taskDefinition: string;
  readonly desiredStatus?: 'ACTIVE' | 'INACTIVE';
  readonly forceNewDeployment?: number;
  readonly createdBy?: string;
};

export interface Service extends KubeObject {
  spec: ServiceSpec;
  status?: ServiceStatus;
}

/** What a deployment was made from. */
export interface ServiceRevision extends KubeObject {
  spec: Pick<
    ServiceSpec,
    | 'capacityProviderStrategy'
    | 'launchType'
    | 'platformVersion'
    | 'loadBalancers'
    | 'serviceRegistries'
    | 'networkConfiguration'
    | 'serviceConnectConfiguration'
    | 'volumeConfigurations'
  > & { readonly serviceName: string; readonly taskDefinition: string };
}

export interface ServiceDeploymentStatus {
  readonly status?: NonNullable<ecs.ServiceDeployment['status']>;
  readonly statusReason?: string;
  readonly lifecycleStage?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly stoppedAt?: string;
  readonly updatedAt?: string;
  readonly sourceServiceRevisions?: readonly RevisionCounts[];
  readonly targetServiceRevision?: RevisionCounts;
  readonly rollback?: { readonly reason?: string; readonly startedAt?: string; readonly serviceRevision?: string };
  readonly deploymentCircuitBreaker?: ecs.ServiceDeploymentCircuitBreaker;
  readonly alarms?: ecs.ServiceDeployment['alarms'];
}

export interface ServiceDeployment extends KubeObject {
  spec: {
    readonly serviceName: string;
    readonly targetServiceRevision: string;
    readonly sourceServiceRevisions?: readonly string[];
    readonly deploymentConfiguration?: ecs.DeploymentConfiguration;
    /** Written by StopServiceDeployment. */
    readonly stopType?: 'ROLLBACK' | 'ABORT';
  };
  status?: ServiceDeploymentStatus;
}

export interface AccountSetting extends KubeObject {
  spec: { readonly name: string; readonly value: string; readonly principal?: string };
}

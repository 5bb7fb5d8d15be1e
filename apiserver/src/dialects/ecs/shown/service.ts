/** Services, their deployments and revisions as ECS answers them. Pure. */
import type { Arns } from '../identity/arns.ts';
import type { ServiceDeploymentObject, ServiceObject, ServiceRevisionObject } from '../kinds.ts';
import type { DeploymentConfiguration } from '../model/generated/types.ts';
import { seconds, withSeconds } from './times.ts';

export function serviceNameOf({ metadata, spec }: ServiceObject): string {
  return spec.serviceName ?? metadata.name ?? '';
}

export function serviceStatusOf({ metadata, spec, status }: ServiceObject): 'ACTIVE' | 'DRAINING' | 'INACTIVE' {
  if (status?.status === 'INACTIVE') return 'INACTIVE';
  return spec.desiredStatus === 'INACTIVE' || metadata.deletionTimestamp !== undefined ? 'DRAINING' : 'ACTIVE';
}

/** With the defaults of ECS. */
export function deploymentConfigurationOf({ spec }: Pick<ServiceObject, 'spec'>): DeploymentConfiguration {
  const isDaemon = spec.schedulingStrategy === 'DAEMON';
  return {
    deploymentCircuitBreaker: { enable: false, rollback: false },
    maximumPercent: isDaemon ? 100 : 200,
    minimumHealthyPercent: isDaemon ? 0 : 100,
    strategy: 'ROLLING',
    bakeTimeInMinutes: 0,
    ...spec.deploymentConfiguration,
  };
}

export interface ServiceSurroundings {
  readonly arns: Arns;
  /** ECS' name. */
  readonly cluster: string;
}

export function shownService(
  service: ServiceObject,
  { arns, cluster }: ServiceSurroundings,
  withTags: boolean,
): object {
  const { metadata, spec, status = {} } = service;
  const name = serviceNameOf(service);
  const {
    tags: _,
    desiredStatus: _desired,
    forceNewDeployment: _force,
    clientToken: _token,
    createdBy,
    role,
    volumeConfigurations: _volumes,
    vpcLatticeConfigurations: _lattice,
    serviceConnectConfiguration: _connect,
    ...shown
  } = spec;
  const arnOf = (reference: string) => arnOfDefinition(reference, arns);
  return {
    loadBalancers: [],
    serviceRegistries: [],
    placementConstraints: [],
    placementStrategy: [],
    enableECSManagedTags: false,
    propagateTags: 'NONE',
    enableExecuteCommand: false,
    ...shown,
    ...(shown.capacityProviderStrategy || shown.launchType ? {} : { launchType: 'EC2' }),
    serviceArn: arns.service(cluster, name),
    serviceName: name,
    clusterArn: arns.cluster(cluster),
    status: serviceStatusOf(service),
    desiredCount: (spec.desiredStatus === 'INACTIVE' ? 0 : spec.desiredCount) ?? status.desiredCount ?? 0,
    runningCount: status.runningCount ?? 0,
    pendingCount: status.pendingCount ?? 0,
    taskDefinition: arnOf(definitionOf(service)),
    deploymentConfiguration: deploymentConfigurationOf(service),
    deploymentController: { type: 'ECS' },
    deployments: (status.deployments ?? []).map(({ serviceDeployment: _of, serviceRevision: _to, ...deployment }) => ({
      ...withSeconds(deployment, ['createdAt', 'updatedAt']),
      ...(deployment.taskDefinition === undefined ? {} : { taskDefinition: arnOf(deployment.taskDefinition) }),
    })),
    events: (status.events ?? []).map((event) => withSeconds(event, ['createdAt'])),
    ...(status.platformFamily === undefined ? {} : { platformFamily: status.platformFamily }),
    ...(status.currentServiceDeployment === undefined
      ? {}
      : { currentServiceDeployment: arns.serviceDeployment(cluster, name, status.currentServiceDeployment) }),
    currentServiceRevisions: (status.currentServiceRevisions ?? []).map(({ name: revision = '', ...counts }) => ({
      arn: arns.serviceRevision(cluster, name, revision),
      ...counts,
    })),
    createdAt: seconds(metadata.creationTimestamp),
    ...(createdBy === undefined ? {} : { createdBy: arns.user(createdBy) }),
    ...(role === undefined ? {} : { roleArn: role }),
    tags: withTags ? (spec.tags ?? []) : [],
  };
}

/** What the service runs, or is about to: after a roll-back not what it was told to. */
function definitionOf({ metadata, spec, status }: ServiceObject): string {
  const isSeen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  return (isSeen && status?.deployments?.[0]?.taskDefinition) || spec.taskDefinition;
}

/** A family alone stays one: which revision it is, its deployments say. */
function arnOfDefinition(reference: string, arns: Arns): string {
  const [family = '', revision] = reference.split(':');
  const arn = arns.taskDefinition(family, revision ?? '');
  return revision === undefined ? arn.slice(0, -1) : arn;
}

export interface NamedServiceSurroundings extends ServiceSurroundings {
  /** ECS' name. */
  readonly service: string;
}

export function shownDeployment(
  { metadata, spec, status = {} }: ServiceDeploymentObject,
  { arns, cluster, service }: NamedServiceSurroundings,
): object {
  const summary = (counts: { readonly name?: string }) => {
    const { name = '', ...rest } = counts;
    return { arn: arns.serviceRevision(cluster, service, name), ...rest };
  };
  const { rollback, sourceServiceRevisions, targetServiceRevision } = status;
  const sources = sourceServiceRevisions ?? (spec.sourceServiceRevisions ?? []).map((name) => ({ name }));
  return {
    ...shownDeploymentBrief({ metadata, spec, status } as ServiceDeploymentObject, { arns, cluster, service }),
    ...(status.stoppedAt === undefined ? {} : { stoppedAt: seconds(status.stoppedAt) }),
    ...(status.updatedAt === undefined ? {} : { updatedAt: seconds(status.updatedAt) }),
    ...(status.lifecycleStage === undefined ? {} : { lifecycleStage: status.lifecycleStage }),
    sourceServiceRevisions: sources.map(summary),
    targetServiceRevision: summary({ name: spec.targetServiceRevision, ...targetServiceRevision }),
    ...(spec.deploymentConfiguration ? { deploymentConfiguration: spec.deploymentConfiguration } : {}),
    ...(rollback
      ? {
          rollback: {
            reason: rollback.reason,
            startedAt: seconds(rollback.startedAt),
            serviceRevisionArn: arns.serviceRevision(cluster, service, rollback.serviceRevision ?? ''),
          },
        }
      : {}),
    ...(status.deploymentCircuitBreaker ? { deploymentCircuitBreaker: status.deploymentCircuitBreaker } : {}),
    ...(status.alarms ? { alarms: status.alarms } : {}),
  };
}

export function shownDeploymentBrief(
  { metadata, spec, status = {} }: ServiceDeploymentObject,
  { arns, cluster, service }: NamedServiceSurroundings,
): object {
  return {
    serviceDeploymentArn: arns.serviceDeployment(cluster, service, metadata.name ?? ''),
    serviceArn: arns.service(cluster, service),
    clusterArn: arns.cluster(cluster),
    createdAt: seconds(metadata.creationTimestamp),
    ...(status.startedAt === undefined ? {} : { startedAt: seconds(status.startedAt) }),
    ...(status.finishedAt === undefined ? {} : { finishedAt: seconds(status.finishedAt) }),
    targetServiceRevisionArn: arns.serviceRevision(cluster, service, spec.targetServiceRevision),
    status: status.status ?? 'PENDING',
    ...(status.statusReason === undefined ? {} : { statusReason: status.statusReason }),
  };
}

export function shownRevision(
  { metadata, spec }: ServiceRevisionObject,
  { arns, cluster, service }: NamedServiceSurroundings,
): object {
  const { serviceName: _, ...shown } = spec;
  return {
    ...shown,
    serviceRevisionArn: arns.serviceRevision(cluster, service, metadata.name ?? ''),
    serviceArn: arns.service(cluster, service),
    clusterArn: arns.cluster(cluster),
    taskDefinition: arnOfDefinition(spec.taskDefinition, arns),
    createdAt: seconds(metadata.creationTimestamp),
  };
}

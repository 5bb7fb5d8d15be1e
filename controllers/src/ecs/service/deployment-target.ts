/** What a deployment is for: the part of a service whose change begins a new one. Pure. */
import { createHash } from 'node:crypto';
import type { Service, ServiceDeployment, ServiceRevision, StoredDeployment } from '@slipway/api/ecs/kinds';
import type { DeploymentConfiguration } from '@slipway/api/ecs/generated/types';
import { controllerReferenceTo } from '../../runtime/owner.ts';

/** On a ServiceDeployment: the target that it answers. A roll-back answers the target that failed. */
export const targetAnnotation = 'slipway.dev/ecs-target';

/** Counts of tasks, bounds and places are no reason for a new deployment. */
export function targetOf({ spec }: Service): string {
  const target = [
    spec.taskDefinition,
    spec.networkConfiguration,
    spec.loadBalancers,
    spec.serviceRegistries,
    spec.serviceConnectConfiguration,
    spec.volumeConfigurations,
    spec.capacityProviderStrategy,
    spec.launchType,
    spec.platformVersion,
    spec.forceNewDeployment,
  ];
  return digest(JSON.stringify(target)).slice(0, 32);
}

/** With the defaults of ECS. */
export function deploymentConfigurationOf({ spec }: Service): DeploymentConfiguration {
  const isDaemon = spec.schedulingStrategy === 'DAEMON';
  return {
    deploymentCircuitBreaker: { enable: false, rollback: false },
    maximumPercent: isDaemon ? 100 : 200,
    minimumHealthyPercent: isDaemon ? 0 : 100,
    strategy: 'ROLLING',
    ...spec.deploymentConfiguration,
  };
}

/** `taskDefinition` is the revision that the service's reference means now. */
export function revisionFor(service: Service, taskDefinition: string): ServiceRevision {
  const { metadata, spec } = service;
  const content: ServiceRevision['spec'] = {
    serviceName: metadata.name ?? '',
    taskDefinition,
    ...pick(spec, [
      'capacityProviderStrategy',
      'launchType',
      'platformVersion',
      'loadBalancers',
      'serviceRegistries',
      'networkConfiguration',
      'serviceConnectConfiguration',
      'volumeConfigurations',
    ]),
  };
  return {
    apiVersion: service.apiVersion ?? '',
    kind: 'ServiceRevision',
    metadata: {
      namespace: metadata.namespace,
      // A forced deployment replaces tasks of the same content.
      name: digitsOf(`${metadata.uid} ${spec.forceNewDeployment ?? 0} ${JSON.stringify(content)}`),
      ownerReferences: [controllerReferenceTo(service)],
    },
    spec: content,
  };
}

export function deploymentFor(
  service: Service,
  revision: string,
  target: string,
  before: readonly StoredDeployment[],
): ServiceDeployment {
  const { metadata } = service;
  const id = digest(`${metadata.uid} ${target} ${revision} ${before[0]?.serviceDeployment ?? ''}`).slice(0, 20);
  return {
    apiVersion: service.apiVersion ?? '',
    kind: 'ServiceDeployment',
    metadata: {
      namespace: metadata.namespace,
      name: id,
      annotations: { [targetAnnotation]: target },
      ownerReferences: [controllerReferenceTo(service)],
    },
    spec: {
      serviceName: metadata.name ?? '',
      targetServiceRevision: revision,
      sourceServiceRevisions: [...new Set(before.map(({ serviceRevision }) => serviceRevision))].slice(0, 10),
      deploymentConfiguration: deploymentConfigurationOf(service),
    },
  };
}

/** As `deployments[].id` and `startedBy` have it. */
export function deploymentIdOf({ metadata }: ServiceDeployment): string {
  return `ecs-svc/${digitsOf(metadata.name ?? '')}`;
}

/** 32 hex digits, as the id of a task. `place` tells apart what is made at once. */
export function taskNameFor({ metadata }: Service, deployment: string, nowMs: number, place: number): string {
  return digest(`${metadata.uid} ${deployment} ${nowMs} ${place}`).slice(0, 32);
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]])) as Partial<
    Pick<T, K>
  >;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** 19 digits, as ECS' numbers of deployments and revisions have. */
function digitsOf(text: string): string {
  return BigInt(`0x${digest(text).slice(0, 16)}`)
    .toString()
    .padStart(19, '0')
    .slice(0, 19);
}

/** What ECS asks of a service, in its words. Pure. */
import type { TaskDefinitionObject } from '../kinds.ts';
import type { CreateServiceRequest } from '../model/generated/types.ts';
import { invalidParameter, unsupportedFeature } from '../wire/ecs-error.ts';

type ServiceFields = Partial<
  Pick<
    CreateServiceRequest,
    | 'availabilityZoneRebalancing'
    | 'desiredCount'
    | 'deploymentConfiguration'
    | 'deploymentController'
    | 'healthCheckGracePeriodSeconds'
    | 'launchType'
    | 'loadBalancers'
    | 'placementConstraints'
    | 'placementStrategy'
    | 'serviceRegistries'
    | 'vpcLatticeConfigurations'
    | 'volumeConfigurations'
  >
>;

const loadBalancersMax = 5;

/** Throws EcsError. */
export function checkService(
  service: ServiceFields,
  definition: TaskDefinitionObject,
  schedulingStrategy: 'REPLICA' | 'DAEMON',
): void {
  const { desiredCount, deploymentController, healthCheckGracePeriodSeconds: grace, loadBalancers = [] } = service;
  if (deploymentController && deploymentController.type !== 'ECS') {
    throw unsupportedFeature(`The deployment controller ${deploymentController.type} is not served: use ECS.`);
  }
  if (schedulingStrategy === 'DAEMON') checkDaemon(service);
  else if (desiredCount === undefined)
    throw invalidParameter('desiredCount is required when the scheduling strategy is REPLICA.');
  if (desiredCount !== undefined && desiredCount < 0) throw invalidParameter('desiredCount must not be negative.');
  checkDeployment(service, schedulingStrategy);
  const unbalanced = notRebalanced({ ...service, schedulingStrategy });
  if (service.availabilityZoneRebalancing === 'ENABLED' && unbalanced) {
    throw invalidParameter(`availabilityZoneRebalancing does not support ${unbalanced}.`);
  }
  if (grace !== undefined) {
    if (grace < 0) throw invalidParameter('healthCheckGracePeriodSeconds must be between 0 and 2147483647.');
    if (loadBalancers.length === 0) {
      throw invalidParameter('Health check grace period is only valid for services configured to use load balancers');
    }
  }
  if (loadBalancers.length > loadBalancersMax) {
    throw invalidParameter(`loadBalancers can have at most ${loadBalancersMax} items.`);
  }
  for (const { containerName, containerPort } of loadBalancers) {
    checkTarget(containerName, containerPort, definition);
  }
  if ((service.vpcLatticeConfigurations ?? []).length > 0) throw unsupportedFeature('VPC Lattice is not served.');
  if ((service.volumeConfigurations ?? []).length > 0) {
    throw unsupportedFeature('volumeConfigurations: volumes of EBS are not served.');
  }
}

function checkDaemon({ desiredCount, placementStrategy = [], deploymentConfiguration }: ServiceFields): void {
  const refuse = (what: string, remedy: string) =>
    invalidParameter(`The daemon scheduling strategy does not support ${what}. ${remedy} and try again`);
  if (desiredCount !== undefined) {
    throw refuse('a desired count for services', 'Remove the desired count value');
  }
  if (placementStrategy.length > 0) throw refuse('placement strategies', 'Remove the placement strategies');
  if ((deploymentConfiguration?.maximumPercent ?? 100) !== 100) {
    throw refuse('values above 100 for maximumPercent on the deployment configuration', 'Change the value to 100');
  }
}

function checkDeployment({ deploymentConfiguration = {} }: ServiceFields, strategy: 'REPLICA' | 'DAEMON'): void {
  const isDaemon = strategy === 'DAEMON';
  const { maximumPercent = isDaemon ? 100 : 200, minimumHealthyPercent = isDaemon ? 0 : 100 } = deploymentConfiguration;
  const {
    strategy: kind = 'ROLLING',
    lifecycleHooks = [],
    deploymentCircuitBreaker,
    bakeTimeInMinutes = 0,
  } = deploymentConfiguration;
  if (kind !== 'ROLLING') throw unsupportedFeature(`The deployment strategy ${kind} is not served: use ROLLING.`);
  if (lifecycleHooks.length > 0) throw unsupportedFeature('lifecycleHooks of deployments are not served.');
  if (minimumHealthyPercent < 0) throw invalidParameter('minimumHealthyPercent must not be negative.');
  if (maximumPercent < 0 || (!isDaemon && maximumPercent < minimumHealthyPercent)) {
    throw invalidParameter('maximumPercent must be greater than or equal to minimumHealthyPercent.');
  }
  if (!isDaemon && maximumPercent === minimumHealthyPercent) {
    throw invalidParameter(
      'Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.',
    );
  }
  if (bakeTimeInMinutes < 0 || bakeTimeInMinutes > 1440) {
    throw invalidParameter('bakeTimeInMinutes must be between 0 and 1440.');
  }
  const { thresholdConfiguration } = deploymentCircuitBreaker ?? {};
  if (thresholdConfiguration && thresholdConfiguration.value < 1) {
    throw invalidParameter('The value of thresholdConfiguration must be at least 1.');
  }
}

/** ECS turns it on for each new service that can have it. */
export function rebalancingOf(
  service: ServiceFields & { readonly schedulingStrategy?: string },
): 'ENABLED' | 'DISABLED' {
  return service.availabilityZoneRebalancing ?? (notRebalanced(service) ? 'DISABLED' : 'ENABLED');
}

/** Why a service cannot be kept balanced over zones; undefined when it can. */
function notRebalanced(service: ServiceFields & { readonly schedulingStrategy?: string }): string | undefined {
  const {
    schedulingStrategy,
    launchType,
    placementStrategy = [],
    placementConstraints = [],
    loadBalancers = [],
  } = service;
  const [first] = placementStrategy;
  if (schedulingStrategy === 'DAEMON') return 'the scheduling strategy DAEMON';
  if (launchType === 'EXTERNAL') return 'the launch type EXTERNAL';
  if ((service.deploymentConfiguration?.maximumPercent ?? 200) <= 100) return 'a maximumPercent of 100';
  if (first && !(first.type === 'spread' && first.field === 'attribute:ecs.availability-zone')) {
    return 'placement strategies that do not begin with a spread over attribute:ecs.availability-zone';
  }
  if (placementConstraints.some(({ expression }) => expression?.includes('ecs.availability-zone'))) {
    return 'placement constraints on attribute:ecs.availability-zone';
  }
  return loadBalancers.some(({ loadBalancerName }) => loadBalancerName) ? 'Classic Load Balancers' : undefined;
}

function checkTarget(
  containerName: string | undefined,
  containerPort: number | undefined,
  { spec }: TaskDefinitionObject,
): void {
  const container = spec.containerDefinitions.find(({ name }) => name === containerName);
  if (!container) {
    throw invalidParameter(`The container ${containerName ?? ''} does not exist in the task definition.`);
  }
  if (!(container.portMappings ?? []).some((mapping) => mapping.containerPort === containerPort)) {
    throw invalidParameter(`The container ${containerName} did not have a container port ${containerPort} defined.`);
  }
}

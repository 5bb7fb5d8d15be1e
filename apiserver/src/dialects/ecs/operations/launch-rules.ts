/** What RunTask, StartTask, CreateService and UpdateService ask of how tasks are launched, in ECS' words. */
import { parseQuery } from '@slipway/api/ecs/cluster-query';
import { QueryError } from '@slipway/api/ecs/query-expression';
import type { TaskDefinitionObject } from '../kinds.ts';
import type {
  CapacityProviderStrategyItem,
  NetworkConfiguration,
  PlacementConstraint,
  PlacementStrategy,
  TaskOverride,
} from '../model/generated/types.ts';
import { clientException, invalidParameter } from '../wire/ecs-error.ts';
import { checkProviders, checkStrategy } from './capacity-strategy.ts';
import type { OperationContext } from './context.ts';

export interface Launch {
  readonly launchType?: 'EC2' | 'FARGATE' | 'EXTERNAL' | 'MANAGED_INSTANCES';
  readonly capacityProviderStrategy?: readonly CapacityProviderStrategyItem[];
  readonly networkConfiguration?: NetworkConfiguration;
  readonly placementConstraints?: readonly PlacementConstraint[];
  readonly placementStrategy?: readonly PlacementStrategy[];
  readonly platformVersion?: string;
}

const constraintsMax = 10;
const strategiesMax = 5;
const expressionCharactersMax = 2_000;
const subnetsMax = 16;
const securityGroupsMax = 5;

/** Throws EcsError. */
export function checkLaunch(launch: Launch, definition: TaskDefinitionObject, context: OperationContext): void {
  const { launchType, capacityProviderStrategy = [] } = launch;
  if (launchType !== undefined && capacityProviderStrategy.length > 0) {
    throw invalidParameter(
      'Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.',
    );
  }
  checkStrategy(capacityProviderStrategy);
  checkProviders(
    capacityProviderStrategy.map(({ capacityProvider }) => capacityProvider),
    context,
  );
  if (launchType === 'MANAGED_INSTANCES') throw invalidParameter('The launch type MANAGED_INSTANCES is not served.');
  const { requiresCompatibilities = [], networkMode } = definition.spec;
  if (launchType === 'FARGATE' && !requiresCompatibilities.includes('FARGATE')) {
    throw invalidParameter('Task definition does not support launch_type FARGATE.');
  }
  if (launchType === 'EXTERNAL' && networkMode === 'awsvpc') {
    throw invalidParameter('Task definition does not support launch_type EXTERNAL.');
  }
  checkPlacement(launch);
  checkNetwork(launch.networkConfiguration, networkMode, context);
}

function checkPlacement({ launchType, placementConstraints = [], placementStrategy = [] }: Launch): void {
  if (launchType === 'FARGATE' && placementStrategy.length + placementConstraints.length > 0) {
    const what = placementStrategy.length > 0 ? 'strategies' : 'constraints';
    throw clientException(`Placement ${what} are not supported with FARGATE launch type.`);
  }
  if (placementConstraints.length > constraintsMax) {
    throw invalidParameter(`placementConstraints can have at most ${constraintsMax} items.`);
  }
  if (placementStrategy.length > strategiesMax) {
    throw invalidParameter(`placementStrategy can have at most ${strategiesMax} items.`);
  }
  for (const { type, expression = '' } of placementConstraints) {
    if (type === undefined) throw invalidParameter('A placement constraint has no type.');
    if (type === 'memberOf' && expression === '') {
      throw invalidParameter('The expression of a placement constraint of the type memberOf can not be blank.');
    }
    if (type === 'distinctInstance' && expression !== '') {
      throw invalidParameter('A placement constraint of the type distinctInstance takes no expression.');
    }
    if (expression.length > expressionCharactersMax) {
      throw invalidParameter(
        `The expression of a placement constraint can have at most ${expressionCharactersMax} characters.`,
      );
    }
    const problem = type === 'memberOf' ? expressionProblem(expression) : undefined;
    if (problem) throw invalidParameter(`Invalid expression in placementConstraints: ${problem}.`);
  }
  for (const strategy of placementStrategy) checkPlacementStrategy(strategy);
}

/** What is wrong with an expression of a memberOf constraint; undefined when the scheduler can follow it. */
export function expressionProblem(expression: string): string | undefined {
  try {
    parseQuery(expression);
    return undefined;
  } catch (error) {
    if (error instanceof QueryError) return error.message;
    throw error;
  }
}

function checkPlacementStrategy({ type, field = '' }: PlacementStrategy): void {
  if (type === 'binpack' && !/^(cpu|memory)$/i.test(field)) {
    throw invalidParameter(`Unsupported field '${field}' for the placement strategy binpack: use cpu or memory.`);
  }
  if (type === 'spread' && !/^(instanceId|host|attribute:.+)$/.test(field)) {
    throw invalidParameter(
      `Unsupported field '${field}' for the placement strategy spread: use instanceId, host or attribute:NAME.`,
    );
  }
  if (type === 'random' && field !== '') throw invalidParameter('The placement strategy random takes no field.');
  if (type === undefined) throw invalidParameter('A placement strategy has no type.');
}

function checkNetwork(
  configuration: NetworkConfiguration | undefined,
  networkMode: string | undefined,
  { objects }: OperationContext,
): void {
  const { awsvpcConfiguration } = configuration ?? {};
  if (networkMode !== 'awsvpc') {
    if (awsvpcConfiguration) {
      throw invalidParameter('Network Configuration is not valid for the given networkMode of this task definition.');
    }
    return;
  }
  if (!awsvpcConfiguration) {
    throw invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  const { subnets, securityGroups = [] } = awsvpcConfiguration;
  if (subnets.length === 0) throw invalidParameter('subnets can not be empty.');
  if (subnets.length > subnetsMax) throw invalidParameter(`subnets can have at most ${subnetsMax} items.`);
  if (securityGroups.length > securityGroupsMax) {
    throw invalidParameter(`securityGroups can have at most ${securityGroupsMax} items.`);
  }
  const unknown = subnets.find((subnet) => subnet !== 'default' && !objects.hasNetwork(subnet));
  if (unknown !== undefined) {
    throw invalidParameter(
      `Error retrieving subnet information for [${unknown}]: The subnet ID '${unknown}' does not exist`,
    );
  }
}

const overridesCharactersMax = 8_192;

/** Throws EcsError. */
export function checkOverrides(overrides: TaskOverride | undefined, { spec }: TaskDefinitionObject): void {
  if (overrides && JSON.stringify(overrides).length > overridesCharactersMax) {
    throw invalidParameter(`Container Overrides length must be at most ${overridesCharactersMax}.`);
  }
  const names = new Set(spec.containerDefinitions.map(({ name }) => name));
  for (const { name = '', memory, memoryReservation, cpu } of overrides?.containerOverrides ?? []) {
    if (name === '') throw invalidParameter('Container override must have a container name.');
    if (!names.has(name)) {
      throw invalidParameter(`Override for container named ${name} is not a container in the TaskDefinition.`);
    }
    if ((cpu ?? 0) < 0) throw invalidParameter(`Invalid 'cpu' setting for container '${name}'.`);
    if (memory !== undefined && memoryReservation !== undefined && memory < memoryReservation) {
      throw invalidParameter(
        `Invalid setting for container '${name}'. 'memory' must be greater than or equal to 'memoryReservation'.`,
      );
    }
  }
  for (const member of ['cpu', 'memory'] as const) {
    const value = overrides?.[member];
    if (value !== undefined && !/^[1-9]\d*$/.test(value))
      throw invalidParameter(`Invalid '${member}' setting for task.`);
  }
}

/** Services of ECS and their task definitions, as users of the simulated cluster make them. */
import type { Service, ServiceSpec, TaskDefinition } from '@slipway/api/ecs/kinds';
import type { DeploymentConfiguration } from '@slipway/api/ecs/generated/types';
import type { Chance } from '../chance.ts';
import type { Temperament } from '../parts/fate.ts';
import type { Place } from './manifests.ts';

const apiVersion = 'ecs.slipway.dev/v1';

/** What a definition's first container is like is in its image, and so in the fate of its pods. */
export function taskDefinition(
  family: string,
  revision: number,
  temperament: Temperament,
  chance: Chance,
): TaskDefinition {
  const isChecked = temperament === 'sick' || chance.strikes(0.4);
  const healthCheck = {
    command: ['CMD', 'true'],
    interval: 5,
    timeout: 2,
    retries: 1,
    startPeriod: chance.pick([0, 10]) ?? 0,
  };
  return {
    apiVersion,
    kind: 'TaskDefinition',
    metadata: { name: `${family}.${revision}` },
    spec: {
      family,
      revision,
      networkMode: 'awsvpc',
      containerDefinitions: [
        {
          name: 'main',
          image: `${temperament}/${family}:${revision}`,
          cpu: 64,
          memory: 64,
          stopTimeout: chance.between(2, 5),
          ...(isChecked ? { healthCheck } : {}),
        },
      ],
    },
  } as TaskDefinition;
}

export function ecsService(place: Place, taskDefinition: string, chance: Chance): Service {
  const isDaemon = chance.strikes(0.2);
  const spec: ServiceSpec = {
    taskDefinition,
    schedulingStrategy: isDaemon ? 'DAEMON' : 'REPLICA',
    ...(isDaemon ? {} : { desiredCount: chance.between(0, 6) }),
    deploymentConfiguration: isDaemon
      ? { minimumHealthyPercent: chance.pick([0, 33, 50]) ?? 0, maximumPercent: 100 }
      : deploymentConfiguration(chance),
    ...(isDaemon || chance.strikes(0.6) ? {} : { placementStrategy: placement(chance) }),
    ...(chance.strikes(0.1)
      ? { placementConstraints: [{ type: 'memberOf', expression: 'attribute:ecs.availability-zone == b' }] }
      : {}),
    networkConfiguration: { awsvpcConfiguration: { subnets: ['default'] } },
  } as ServiceSpec;
  return { apiVersion, kind: 'Service', metadata: { ...place }, spec };
}

/** Bounds of all kinds, and breakers that trip soon, late or never. */
export function deploymentConfiguration(chance: Chance): DeploymentConfiguration {
  const [minimumHealthyPercent, maximumPercent] = chance.pick([
    [100, 200],
    [50, 100],
    [0, 100],
    [50, 150],
    [67, 134],
    [100, 134],
    [100, 120],
    [80, 100],
    [25, 300],
  ]) ?? [100, 200];
  const breaker = chance.strikes(0.6)
    ? {
        deploymentCircuitBreaker: {
          enable: true,
          rollback: chance.strikes(0.7),
          ...(chance.strikes(0.3)
            ? { thresholdConfiguration: { type: 'COUNT' as const, value: chance.between(1, 4) } }
            : {}),
        },
      }
    : {};
  return { minimumHealthyPercent: minimumHealthyPercent ?? 100, maximumPercent: maximumPercent ?? 200, ...breaker };
}

function placement(chance: Chance): ServiceSpec['placementStrategy'] {
  return chance.pick([
    [{ type: 'spread' as const, field: 'attribute:ecs.availability-zone' }],
    [{ type: 'spread' as const, field: 'instanceId' }],
    [{ type: 'binpack' as const, field: 'memory' }],
    [{ type: 'random' as const }],
    [
      { type: 'spread' as const, field: 'attribute:ecs.availability-zone' },
      { type: 'binpack' as const, field: 'cpu' },
    ],
  ]);
}

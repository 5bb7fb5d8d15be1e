import type { Arns } from '../identity/arns.ts';
import type { TaskDefinitionObject } from '../kinds.ts';
import type { ContainerDefinition } from '../model/generated/types.ts';
import { statusOf } from '../task-definition-index.ts';
import { seconds } from './times.ts';

export function shownTaskDefinition(definition: TaskDefinitionObject, arns: Arns): object {
  const { tags: _tags, status: _status, deregisteredAt, registeredBy, ...spec } = definition.spec;
  const { creationTimestamp, deletionTimestamp } = definition.metadata;
  return {
    taskDefinitionArn: arns.taskDefinition(spec.family, spec.revision),
    volumes: [],
    placementConstraints: [],
    ...spec,
    status: statusOf(definition),
    compatibilities: compatibilitiesOf(definition),
    requiresAttributes: requiredAttributes(definition),
    registeredAt: seconds(creationTimestamp),
    ...(registeredBy === undefined ? {} : { registeredBy: arns.user(registeredBy) }),
    ...(deregisteredAt === undefined ? {} : { deregisteredAt: seconds(deregisteredAt) }),
    ...(deletionTimestamp === undefined ? {} : { deleteRequestedAt: seconds(deletionTimestamp) }),
  };
}

/** Where it could run: Fargate takes tasks of their own address and a size, external instances no such addresses. */
function compatibilitiesOf({ spec }: TaskDefinitionObject): readonly string[] {
  if (spec.networkMode !== 'awsvpc') return ['EXTERNAL', 'EC2'];
  const fitsFargate =
    spec.pidMode !== 'host' &&
    spec.ipcMode === undefined &&
    spec.containerDefinitions.every(({ privileged, stopTimeout = 0 }) => !privileged && stopTimeout <= 120);
  return fitsFargate ? ['EC2', 'FARGATE'] : ['EC2'];
}

const capability = 'com.amazonaws.ecs.capability';

/** What an instance must be able to do; the names are the agent's. Instances of the platform have them all. */
const needs: readonly {
  readonly attribute: string;
  readonly when: (container: ContainerDefinition, definition: TaskDefinitionObject) => boolean;
}[] = [
  { attribute: `${capability}.docker-remote-api.1.18`, when: () => true },
  {
    attribute: `${capability}.docker-remote-api.1.21`,
    when: ({ memoryReservation }) => memoryReservation !== undefined,
  },
  { attribute: `${capability}.privileged-container`, when: ({ privileged }) => privileged === true },
  { attribute: `${capability}.task-iam-role`, when: (_, { spec }) => spec.taskRoleArn !== undefined },
  { attribute: 'ecs.capability.task-eni', when: (_, { spec }) => spec.networkMode === 'awsvpc' },
  { attribute: 'ecs.capability.container-health-check', when: ({ healthCheck }) => healthCheck !== undefined },
  {
    attribute: 'ecs.capability.container-ordering',
    when: ({ dependsOn, startTimeout, stopTimeout }) =>
      (dependsOn?.length ?? 0) > 0 || startTimeout !== undefined || stopTimeout !== undefined,
  },
  {
    attribute: 'ecs.capability.container-restart-policy',
    when: ({ restartPolicy }) => restartPolicy?.enabled === true,
  },
  {
    attribute: 'ecs.capability.pid-ipc-namespace-sharing',
    when: (_, { spec }) => (spec.pidMode ?? spec.ipcMode) !== undefined,
  },
  {
    attribute: 'ecs.capability.private-registry-authentication.secretsmanager',
    when: ({ repositoryCredentials }) => repositoryCredentials !== undefined,
  },
];

function requiredAttributes(definition: TaskDefinitionObject): readonly { readonly name: string }[] {
  const { containerDefinitions } = definition.spec;
  const names = needs
    .filter(({ when }) => containerDefinitions.some((container) => when(container, definition)))
    .map(({ attribute }) => attribute);
  const drivers = containerDefinitions.flatMap(({ logConfiguration }) =>
    logConfiguration ? [`${capability}.logging-driver.${logConfiguration.logDriver}`] : [],
  );
  return [...new Set([...drivers, ...names])].map((name) => ({ name }));
}

/**
 * What a task definition says and a pod cannot carry. Nothing is dropped in silence: without some of it the task would be another one, so it is
 * not started; the rest is named in the task's condition `FieldsWithoutEffect`.
 */
import type { Task } from '@slipway/api/ecs/kinds';
import type { Volume } from '@slipway/api/ecs/generated/types';
import type { EffectiveContainer, EffectiveDefinition } from './effective-definition.ts';

export interface NotCarried {
  /** Why the task cannot start; undefined when it can. */
  readonly refusal: string | undefined;
  /** Fields without effect, and why. */
  readonly losses: readonly string[];
}

export function notCarried(definition: EffectiveDefinition, task: Task): NotCarried {
  const refusals = [
    ...definition.containers.flatMap((container) => containerRefusals(container)),
    ...(definition.volumes ?? []).flatMap(volumeRefusals),
    ...portConflicts(definition),
  ];
  return {
    refusal: refusals.length > 0 ? refusals.join('; ') : undefined,
    losses: [...definition.containers.flatMap(containerLosses), ...taskLosses(definition, task)],
  };
}

const servedLogDrivers = ['json-file'];
const numericUser = /^\d+(:\d+)?$/;

function containerRefusals(container: EffectiveContainer): string[] {
  const { name, user, logConfiguration, environmentFiles, linuxParameters, credentialSpecs, firelensConfiguration } =
    container;
  const driver = logConfiguration?.logDriver;
  return [
    ...(driver && !servedLogDrivers.includes(driver)
      ? [`${name}: the log driver ${driver} is not served, only ${servedLogDrivers.join(', ')}`]
      : []),
    ...(user && !numericUser.test(user) ? [`${name}: user ${user} is a name; give its number (UID or UID:GID)`] : []),
    ...(environmentFiles?.length
      ? [`${name}: environmentFiles are read from S3, which is not served; use secrets`]
      : []),
    ...(linuxParameters?.devices?.length
      ? [
          `${name}: linuxParameters.devices are not served; run the container privileged with the device as a host volume`,
        ]
      : []),
    ...(credentialSpecs?.length ? [`${name}: credentialSpecs are not served`] : []),
    ...(firelensConfiguration ? [`${name}: firelensConfiguration is not served`] : []),
  ];
}

function volumeRefusals(volume: Volume): string[] {
  const {
    name,
    efsVolumeConfiguration: efs,
    fsxWindowsFileServerVolumeConfiguration: fsx,
    configuredAtLaunch,
  } = volume;
  const driver = volume.dockerVolumeConfiguration?.driver;
  return [
    ...(efs ? [`volume ${name}: EFS is not served`] : []),
    ...(fsx ? [`volume ${name}: FSx is not served`] : []),
    ...(volume.s3filesVolumeConfiguration ? [`volume ${name}: S3 files are not served`] : []),
    ...(configuredAtLaunch ? [`volume ${name}: volumes configured at launch (EBS) are not served`] : []),
    ...(driver && driver !== 'local'
      ? [`volume ${name}: the Docker volume driver ${driver} is not served, only local`]
      : []),
  ];
}

/** In ECS' bridge mode each container has ports of its own; in a pod they share them. */
function portConflicts({ containers, networkMode }: EffectiveDefinition): string[] {
  const owners = new Map<string, string>();
  return containers.flatMap(({ name, portMappings = [] }) =>
    portMappings.flatMap(({ containerPort, protocol = 'tcp' }) => {
      if (containerPort === undefined) return [];
      const port = `${containerPort}/${protocol}`;
      const owner = owners.get(port);
      owners.set(port, owner ?? name);
      if (owner === undefined || owner === name) return [];
      return [
        `${owner} and ${name} both listen on ${port}: containers of a task share one address (${networkMode ?? 'bridge'} too)`,
      ];
    }),
  );
}

function containerLosses(container: EffectiveContainer): string[] {
  const { name, linuxParameters, dockerSecurityOptions, disableNetworking, versionConsistency, logConfiguration } =
    container;
  const { initProcessEnabled, maxSwap, swappiness, tmpfs = [] } = linuxParameters ?? {};
  const lost: readonly (readonly [string, unknown, string])[] = [
    ['linuxParameters.initProcessEnabled', initProcessEnabled, 'the image brings its own init process'],
    ['linuxParameters.maxSwap', maxSwap, 'nodes do not swap containers'],
    ['linuxParameters.swappiness', swappiness, 'nodes do not swap containers'],
    ['linuxParameters.tmpfs.mountOptions', tmpfs.some(({ mountOptions }) => mountOptions?.length), 'not carried'],
    ['dockerSecurityOptions', dockerSecurityOptions?.length, 'use capabilities and users'],
    ['disableNetworking', disableNetworking, 'containers of a task share one network'],
    ['versionConsistency', versionConsistency === 'enabled' || undefined, 'name the image by its digest'],
    ['logConfiguration.options', Object.keys(logConfiguration?.options ?? {}).length, 'the node rotates logs'],
    ['dockerLabels', Object.keys(container.dockerLabels ?? {}).length, 'containers of a pod have no labels; use tags'],
    ['ulimits', container.ulimits?.length, 'limits of the node apply'],
    ['links', container.links?.some((link) => link.includes(':')) || undefined, 'linked containers are at 127.0.0.1'],
  ];
  return lost.filter(([, value]) => value).map(([field, , why]) => `${name}.${field}: ${why}`);
}

function taskLosses(definition: EffectiveDefinition, { spec }: Task): string[] {
  const { subnets = [], securityGroups, assignPublicIp } = spec.networkConfiguration?.awsvpcConfiguration ?? {};
  const many = (field: 'hostname') => new Set(definition.containers.flatMap((each) => each[field] ?? [])).size > 1;
  const lost: readonly (readonly [string, unknown, string])[] = [
    ['executionRoleArn', definition.executionRoleArn, 'images and secrets are fetched with the rights of the node'],
    ['proxyConfiguration', definition.proxyConfiguration, 'not carried'],
    ['ephemeralStorage', definition.ephemeralStorage, 'the disk of the node is shared'],
    ['inferenceAccelerators', definition.inferenceAccelerators?.length, 'not carried'],
    ['enableFaultInjection', definition.enableFaultInjection, 'not carried'],
    ['ipcMode', definition.ipcMode === 'none', 'containers of a task share their IPC namespace'],
    ['cpu', definition.cpu, 'a share for the scheduler, not a limit of the whole task'],
    ['containerDefinitions.hostname', many('hostname'), 'a task has one host name, the first'],
    ['networkConfiguration.subnets', subnets.length > 1, `a task has one network, ${subnets[0]}`],
    ['networkConfiguration.securityGroups', securityGroups?.length, 'use NetworkPolicies'],
    ['networkConfiguration.assignPublicIp', assignPublicIp === 'ENABLED', 'not carried'],
    [
      'placementStrategy',
      spec.placementStrategy?.some(({ type }) => type === 'binpack'),
      'binpack is a profile of the scheduler',
    ],
  ];
  return lost.filter(([, value]) => value).map(([field, , why]) => `${field}: ${why}`);
}

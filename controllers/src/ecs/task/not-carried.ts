/**
 * What a task definition says and a pod cannot carry. Nothing is dropped in silence: without some of it the task would be another one, so it is
 * not started; the rest is named in the task's condition `FieldsWithoutEffect`.
 */
import { runtimeTermsProblems } from '@slipway/api/container-runtime-terms';
import type { Volume } from '@slipway/api/ecs/generated/types';
import type { Task } from '@slipway/api/ecs/kinds';
import { definitionLosses, launchLosses } from '@slipway/api/ecs/without-effect';
import { logOptions, securityOptions, tmpfsTerm } from './docker-options.ts';
import type { EffectiveContainer, EffectiveDefinition } from './effective-definition.ts';
import { secretReferenceProblem } from './secret-reference.ts';
import { isHostname, isHostsName, linkNames } from './task-network.ts';
import { localVolume } from './task-volumes.ts';
import { termsFrom } from './terms-from-definition.ts';

export interface NotCarried {
  /** Why the task cannot start; undefined when it can. */
  readonly refusal: string | undefined;
  /** Fields without effect, and why. */
  readonly losses: readonly string[];
}

export function notCarried(definition: EffectiveDefinition, task: Task): NotCarried {
  const refusals = [
    ...definition.containers.flatMap((container) => containerRefusals(container, definition)),
    ...(definition.volumes ?? []).flatMap(volumeRefusals),
    ...portConflicts(definition),
  ];
  return {
    refusal: refusals.length > 0 ? refusals.join('; ') : undefined,
    losses: [
      ...definition.containers.flatMap((container) => containerLosses(container, definition)),
      ...(definition.volumes ?? []).flatMap(volumeLosses),
      ...taskLosses(definition, task),
    ],
  };
}

const servedLogDrivers = ['json-file'];
/** A pod has no more. */
const dnsServersMax = 3;

function containerRefusals(container: EffectiveContainer, definition: EffectiveDefinition): string[] {
  const { name, logConfiguration, environmentFiles, credentialSpecs, firelensConfiguration, secrets = [] } = container;
  const { dnsServers = [], dockerSecurityOptions, repositoryCredentials } = container;
  const driver = logConfiguration?.logDriver;
  const security = securityOptions(dockerSecurityOptions);
  return [
    ...(driver && !servedLogDrivers.includes(driver)
      ? [`${name}: the log driver ${driver} is not served, only ${servedLogDrivers.join(', ')}`]
      : logOptions(logConfiguration).refusals.map((why) => `${name}: logConfiguration.options.${why}`)),
    ...(environmentFiles?.length
      ? [`${name}: environmentFiles are read from S3, which is not served; use secrets`]
      : []),
    ...secrets.flatMap((secret) => {
      const problem = secretReferenceProblem(secret.valueFrom);
      return problem ? [`${name}: secrets.${secret.name}: ${secret.valueFrom} cannot be had: ${problem}`] : [];
    }),
    ...(repositoryCredentials
      ? credentialsProblem(repositoryCredentials.credentialsParameter).map(
          (why) => `${name}: repositoryCredentials.credentialsParameter: ${why}`,
        )
      : []),
    ...runtimeTermsProblems({ ...termsFrom(container, definition) }, name).map(({ at, detail }) => `${at}: ${detail}`),
    ...security.refusals.map((why) => `${name}: dockerSecurityOptions: ${why}`),
    ...(security.value.allowPrivilegeEscalation === false && canEscalate(container)
      ? [`${name}: no-new-privileges and privileged or the capability SYS_ADMIN exclude each other`]
      : []),
    ...(dnsServers.length > dnsServersMax ? [`${name}: dnsServers: a task has at most ${dnsServersMax}`] : []),
    ...(credentialSpecs?.length ? [`${name}: credentialSpecs are not served`] : []),
    ...(firelensConfiguration ? [`${name}: firelensConfiguration is not served`] : []),
  ];
}

function credentialsProblem(parameter: string): string[] {
  const problem = secretReferenceProblem(parameter);
  return problem ? [`${parameter} cannot be had: ${problem}`] : [];
}

function canEscalate({ privileged, linuxParameters }: EffectiveContainer): boolean {
  return privileged === true || (linuxParameters?.capabilities?.add ?? []).some((each) => /SYS_ADMIN$/.test(each));
}

function volumeRefusals(volume: Volume): string[] {
  const {
    name,
    efsVolumeConfiguration: efs,
    fsxWindowsFileServerVolumeConfiguration: fsx,
    dockerVolumeConfiguration: docker,
    configuredAtLaunch,
  } = volume;
  const local = localVolume(docker);
  return [
    ...(efs ? [`volume ${name}: EFS is not served`] : []),
    ...(fsx ? [`volume ${name}: FSx is not served`] : []),
    ...(volume.s3filesVolumeConfiguration ? [`volume ${name}: S3 files are not served`] : []),
    ...(configuredAtLaunch ? [`volume ${name}: volumes configured at launch (EBS) are not served`] : []),
    ...(docker?.driver && docker.driver !== 'local'
      ? [`volume ${name}: the Docker volume driver ${docker.driver} is not served, only local`]
      : []),
    ...(local?.kind === 'unknown' ? [`volume ${name}: driverOpts: ${local.why}`] : []),
  ];
}

function volumeLosses({ name, dockerVolumeConfiguration: docker }: Volume): string[] {
  const labels = Object.keys(docker?.labels ?? {});
  return labels.length > 0
    ? [`volumes.${name}.dockerVolumeConfiguration.labels: directories of the node have none`]
    : [];
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

function containerLosses(container: EffectiveContainer, { pidMode }: EffectiveDefinition): string[] {
  const { name, linuxParameters, versionConsistency, logConfiguration, links = [], extraHosts = [] } = container;
  const { initProcessEnabled, swappiness, maxSwap, tmpfs = [] } = linuxParameters ?? {};
  const noNames = [...links.flatMap(linkNames), ...extraHosts.map(({ hostname }) => hostname)].filter(
    (each) => !isHostsName(each),
  );
  const accelerators = container.resourceRequirements?.some(({ type }) => type === 'InferenceAccelerator');
  const lost: readonly (readonly [string, unknown, string])[] = [
    ['linuxParameters.initProcessEnabled', initProcessEnabled && pidMode === 'host', 'the node has its own init'],
    ['linuxParameters.swappiness', swappiness, 'the kernel has none for single containers'],
    ['linuxParameters.maxSwap', maxSwap && container.memory === undefined, 'the container has no memory limit'],
    ['versionConsistency', versionConsistency === 'enabled', 'name the image by its digest'],
    ['logConfiguration.secretOptions', logConfiguration?.secretOptions?.length, 'json-file has none'],
    ['hostname', container.hostname && !isHostname(container.hostname), `${container.hostname} is no DNS label`],
    ['extraHosts, links', noNames.length, `no host names: ${noNames.join(', ')}`],
    ['resourceRequirements', accelerators, 'inference accelerators are not served'],
  ];
  return [
    ...lost.filter(([, value]) => value).map(([field, , why]) => `${name}.${field}: ${why}`),
    ...tmpfs.flatMap((each) =>
      tmpfsTerm(each).losses.map((why) => `${name}.linuxParameters.tmpfs.mountOptions.${why}`),
    ),
    ...logOptions(logConfiguration).losses.map((why) => `${name}.logConfiguration.options.${why}`),
  ];
}

function taskLosses(definition: EffectiveDefinition, { spec }: Task): string[] {
  const hostnames = new Set(definition.containers.flatMap(({ hostname }) => (hostname ? [hostname] : [])));
  const { executionRoleArn, ephemeralStorage, inferenceAcceleratorOverrides } = spec.overrides ?? {};
  return [
    ...definitionLosses({
      ...definition,
      ...(executionRoleArn === undefined ? {} : { executionRoleArn }),
      ...(ephemeralStorage === undefined ? {} : { ephemeralStorage }),
      ...(inferenceAcceleratorOverrides?.length ? { inferenceAccelerators: [{ deviceName: '', deviceType: '' }] } : {}),
    }),
    ...(hostnames.size > 1 ? ['containerDefinitions.hostname: a task has one host name, the first'] : []),
    ...launchLosses(spec),
  ];
}

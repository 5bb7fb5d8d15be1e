/**
 * What ECS asks of a registration beyond its shape, in ECS' words, and the defaults that it fills in. Pure. The kind's own schema and rules
 * (`crds/ecs/task-definition.yaml`) ask the same of everybody; here the texts are those that ECS' users know.
 */
import type { ContainerDefinition, HealthCheck, RegisterTaskDefinitionRequest } from '../model/generated/types.ts';
import { clientException } from '../wire/ecs-error.ts';
import { checkFargate } from './fargate-rules.ts';
import { expressionProblem } from './launch-rules.ts';

export const namePattern = /^[A-Za-z0-9_-]{1,255}$/;
const containersMax = 10;
const portMax = 65_535;
const portRangesMax = 100;
const definitionBytesMax = 65_536;
/** With all defaults filled in, a request becomes no more than so many times as long: a small one need not be written out to be measured. */
const growthMax = 8;
const stopTimeoutSecondsMin = 2;

/** The request, which had so many bytes, with ECS' defaults. Throws EcsError ClientException that names the field. */
export function normalizedDefinition(
  request: RegisterTaskDefinitionRequest,
  requestBytes: number,
): RegisterTaskDefinitionRequest {
  checkNames(request);
  const networkMode = request.networkMode ?? 'bridge';
  const definition = {
    ...request,
    networkMode,
    ...(request.cpu === undefined ? {} : { cpu: unitsOf('cpu', request.cpu) }),
    ...(request.memory === undefined ? {} : { memory: unitsOf('memory', request.memory) }),
    volumes: request.volumes ?? [],
    placementConstraints: request.placementConstraints ?? [],
    containerDefinitions: request.containerDefinitions.map((container) => withDefaults(container, networkMode)),
  };
  for (const container of definition.containerDefinitions) checkContainer(container, definition);
  checkSums(definition);
  checkPortNames(definition.containerDefinitions);
  checkDependencies(definition.containerDefinitions);
  checkVolumes(definition);
  checkConstraints(definition);
  checkFargate(definition);
  const mayBeTooLarge = requestBytes * growthMax > definitionBytesMax;
  if (mayBeTooLarge && Buffer.byteLength(JSON.stringify(definition)) > definitionBytesMax) {
    throw clientException(`Actual length: The task definition is larger than ${definitionBytesMax} bytes.`);
  }
  return definition;
}

function checkNames({ family, containerDefinitions }: RegisterTaskDefinitionRequest): void {
  if (family === '') throw clientException('Family can not be blank.');
  if (!namePattern.test(family)) throw clientException('Family contains invalid characters.');
  if (containerDefinitions.length === 0) throw clientException('Container list cannot be empty.');
  if (containerDefinitions.length > containersMax) {
    throw clientException(`Task definition has too many containers. The maximum is ${containersMax}.`);
  }
  const names = new Set<string>();
  for (const { name = '' } of containerDefinitions) {
    if (name === '') throw clientException('Container.name should not be null or empty.');
    if (!namePattern.test(name)) throw clientException('Container.name contains invalid characters.');
    if (names.has(name)) throw clientException(`Container.name '${name}' is used more than once.`);
    names.add(name);
  }
  if (!containerDefinitions.some(({ essential = true }) => essential)) {
    throw clientException("Task definition doesn't have any essential container.");
  }
}

type NetworkMode = NonNullable<RegisterTaskDefinitionRequest['networkMode']>;

function withDefaults(container: ContainerDefinition, networkMode: NetworkMode): ContainerDefinition {
  const isStatic = networkMode === 'awsvpc' || networkMode === 'host';
  return {
    ...container,
    cpu: container.cpu ?? 0,
    essential: container.essential ?? true,
    environment: container.environment ?? [],
    mountPoints: container.mountPoints ?? [],
    volumesFrom: container.volumesFrom ?? [],
    systemControls: container.systemControls ?? [],
    portMappings: (container.portMappings ?? []).map((mapping) => ({
      ...mapping,
      protocol: mapping.protocol ?? 'tcp',
      ...(mapping.containerPort === undefined
        ? {}
        : { hostPort: mapping.hostPort ?? (isStatic ? mapping.containerPort : 0) }),
    })),
    ...(container.healthCheck ? { healthCheck: healthCheckWithDefaults(container.healthCheck) } : {}),
  };
}

const healthCheckWithDefaults = (check: HealthCheck): HealthCheck => ({
  ...check,
  interval: check.interval ?? 30,
  timeout: check.timeout ?? 5,
  retries: check.retries ?? 3,
});

/** Of a task: an eighth of a vCPU to 192 of them. */
const [cpuUnitsMin, cpuUnitsMax] = [128, 196_608];

/** "1024", "1 vCPU", "512", "1 GB" → units or MiB as text. */
function unitsOf(member: 'cpu' | 'memory', text: string): string {
  const pattern = member === 'cpu' ? /^([\d.]+)\s*(vcpus?)?$/i : /^([\d.]+)\s*(gb|gib|mb|mib)?$/i;
  const [, amount = '', unit = ''] = pattern.exec(text.trim()) ?? [];
  const factor = /^(vcpu|g)/i.test(unit) ? 1024 : 1;
  const value = Number(amount) * factor;
  const isInRange = member === 'cpu' ? value >= cpuUnitsMin && value <= cpuUnitsMax : value > 0;
  if (amount === '' || !Number.isInteger(value) || !isInRange) {
    throw clientException(`Invalid '${member}' setting for task.`);
  }
  return String(value);
}

function checkContainer(container: ContainerDefinition, definition: RegisterTaskDefinitionRequest): void {
  const { name = '', image = '', memory, memoryReservation, cpu = 0 } = container;
  const invalid = (what: string) => clientException(`Invalid setting for container '${name}'. ${what}`);
  if (image === '') throw clientException('Container.image should not be null or empty.');
  if (!/^[\x21-\x7e]{1,512}$/.test(image)) throw clientException('Container.image contains invalid characters.');
  if (cpu < 0) throw clientException(`Invalid 'cpu' setting for container '${name}'.`);
  if (definition.memory === undefined && memory === undefined && memoryReservation === undefined) {
    throw invalid("At least one of 'memory' or 'memoryReservation' must be specified.");
  }
  for (const [member, value] of Object.entries({ memory, memoryReservation })) {
    if (value !== undefined && value < 6) throw invalid(`The minimum '${member}' is 6 MiB.`);
  }
  if (memory !== undefined && memoryReservation !== undefined && memory < memoryReservation) {
    throw invalid("'memory' must be greater than or equal to 'memoryReservation'.");
  }
  checkPorts(container, definition.networkMode ?? 'bridge');
  checkNetworkFields(container, definition.networkMode ?? 'bridge');
  checkTimes(container);
  if (container.healthCheck) checkHealth(name, container.healthCheck);
  for (const { name: limit, softLimit, hardLimit } of container.ulimits ?? []) {
    if (hardLimit !== -1 && (softLimit === -1 || softLimit > hardLimit)) {
      throw invalid(`The softLimit of the ulimit '${limit}' must not be greater than its hardLimit.`);
    }
  }
  checkEnvironment(container);
  checkLinuxParameters(container);
}

function checkLinuxParameters({ name, linuxParameters }: ContainerDefinition): void {
  const invalid = (what: string) => clientException(`Invalid setting for container '${name}'. ${what}`);
  const { swappiness, maxSwap, sharedMemorySize, capabilities = {}, tmpfs = [] } = linuxParameters ?? {};
  for (const member of ['add', 'drop'] as const) {
    const unknown = capabilities[member]?.find((capability) => !capabilityNames.has(capability));
    if (unknown !== undefined)
      throw invalid(`'${unknown}' in linuxParameters.capabilities.${member} is no capability.`);
  }
  for (const { containerPath, size, mountOptions = [] } of tmpfs) {
    if (!containerPath.startsWith('/')) throw invalid("The 'containerPath' of a tmpfs must be absolute.");
    if (size < 1) throw invalid("The 'size' of a tmpfs must be at least 1 MiB.");
    const unknown = mountOptions.find((option) => !tmpfsOptions.has(option.split('=', 1)[0] ?? ''));
    if (unknown !== undefined)
      throw invalid(`'${unknown}' in linuxParameters.tmpfs.mountOptions is no option of a mount.`);
  }
  if (swappiness !== undefined && (swappiness < 0 || swappiness > 100)) {
    throw invalid("'swappiness' must be between 0 and 100.");
  }
  if ((maxSwap ?? 0) < 0) throw invalid("'maxSwap' must be 0 or a positive integer.");
  if ((sharedMemorySize ?? 0) < 0) throw invalid("'sharedMemorySize' must not be negative.");
}

/** Throws EcsError ClientException. */
function checkEnvironment({ name, environment = [], secrets = [] }: ContainerDefinition): void {
  const names = new Set<string>();
  for (const { name: variable = '' } of environment) {
    if (variable === '') throw clientException(`A variable in the environment of container '${name}' has no name.`);
    names.add(variable);
  }
  for (const { name: secret } of secrets) {
    if (names.has(secret)) {
      throw clientException(
        `The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '${secret}'.`,
      );
    }
    names.add(secret);
  }
}

const capabilityNames: ReadonlySet<string> = new Set(
  `ALL AUDIT_CONTROL AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE
   MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT
   SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM`.split(
    /\s+/,
  ),
);
const tmpfsOptions: ReadonlySet<string> = new Set(
  `defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime diratime nodiratime bind rbind
   unbindable runbindable private rprivate shared rshared slave rslave relatime norelatime strictatime nostrictatime mode uid gid nr_inodes
   nr_blocks mpol`.split(/\s+/),
);

const portNamePattern = /^(?!-)[a-z0-9_-]{1,64}$/;

/** Service Connect finds a port of the whole task by its name. */
function checkPortNames(containers: readonly ContainerDefinition[]): void {
  const names = new Set<string>();
  for (const { name, portMappings = [] } of containers) {
    for (const { name: port } of portMappings) {
      if (port === undefined) continue;
      if (!portNamePattern.test(port)) {
        throw clientException(
          `Invalid 'name' setting in portMappings of container '${name}': up to 64 lowercase letters, numbers, underscores and hyphens, without a hyphen at the start.`,
        );
      }
      if (names.has(port)) throw clientException(`The port mapping name '${port}' is used more than once.`);
      names.add(port);
    }
  }
}

const constraintsMax = 10;

function checkConstraints({ placementConstraints = [] }: RegisterTaskDefinitionRequest): void {
  if (placementConstraints.length > constraintsMax) {
    throw clientException(`placementConstraints can have at most ${constraintsMax} items.`);
  }
  for (const { type, expression = '' } of placementConstraints) {
    if (type !== 'memberOf')
      throw clientException('The type of a placement constraint in a task definition must be memberOf.');
    const problem = expressionProblem(expression);
    if (problem) throw clientException(`Invalid expression in placementConstraints: ${problem}.`);
  }
}

function checkPorts({ name, portMappings = [] }: ContainerDefinition, networkMode: NetworkMode): void {
  if (networkMode === 'none' && portMappings.length > 0) {
    throw clientException(`When networkMode=none, portMappings are not allowed: container '${name}'.`);
  }
  const ranges = portMappings.filter(({ containerPortRange }) => containerPortRange !== undefined);
  if (ranges.length > portRangesMax) {
    throw clientException(`Container '${name}' has more than ${portRangesMax} containerPortRange settings.`);
  }
  for (const { containerPort, hostPort = 0, containerPortRange } of portMappings) {
    if (containerPortRange !== undefined) {
      checkRange(name ?? '', containerPortRange, { containerPort, hostPort, networkMode });
      continue;
    }
    if (containerPort === undefined || containerPort < 1 || containerPort > portMax) {
      throw clientException(`Invalid 'containerPort' setting for container '${name}'.`);
    }
    if (hostPort < 0 || hostPort > portMax)
      throw clientException(`Invalid 'hostPort' setting for container '${name}'.`);
    if ((networkMode === 'awsvpc' || networkMode === 'host') && hostPort !== containerPort) {
      throw clientException(
        `When networkMode=${networkMode}, the host ports and container ports in port mappings must match.`,
      );
    }
  }
}

function checkRange(
  name: string,
  range: string,
  {
    containerPort,
    hostPort,
    networkMode,
  }: { containerPort: number | undefined; hostPort: number; networkMode: string },
): void {
  const [, first = '', last = ''] = /^(\d{1,5})-(\d{1,5})$/.exec(range) ?? [];
  const isValid = first !== '' && Number(first) >= 1 && Number(first) <= Number(last) && Number(last) <= portMax;
  if (!isValid || containerPort !== undefined || hostPort !== 0) {
    throw clientException(`Invalid 'containerPortRange' setting for container '${name}'.`);
  }
  if (networkMode !== 'bridge' && networkMode !== 'awsvpc') {
    throw clientException(`'containerPortRange' requires the network mode bridge or awsvpc: container '${name}'.`);
  }
}

function checkNetworkFields(container: ContainerDefinition, networkMode: NetworkMode): void {
  const { name, links = [], hostname, dnsServers = [], dnsSearchDomains = [], disableNetworking } = container;
  if (links.length > 0 && networkMode !== 'bridge') {
    throw clientException(`Links are only supported when networkMode=bridge: container '${name}'.`);
  }
  if (hostname !== undefined && (networkMode === 'awsvpc' || networkMode === 'host')) {
    throw clientException(`Hostname is not supported when networkMode=${networkMode}: container '${name}'.`);
  }
  if (networkMode !== 'awsvpc') return;
  if ((container.extraHosts ?? []).length > 0) {
    throw clientException(`Extra hosts are not supported when networkMode=awsvpc: container '${name}'.`);
  }
  const refused = dnsServers.length > 0 ? 'dnsServers' : dnsSearchDomains.length > 0 ? 'dnsSearchDomains' : undefined;
  const field = refused ?? (disableNetworking ? 'disableNetworking' : undefined);
  if (field) throw clientException(`'${field}' is not supported when networkMode=awsvpc: container '${name}'.`);
}

function checkTimes({ name, startTimeout, stopTimeout, restartPolicy }: ContainerDefinition): void {
  if (startTimeout !== undefined && startTimeout < stopTimeoutSecondsMin) {
    throw clientException(`Granular start timeout on container '${name}' must be at least 2 seconds.`);
  }
  if (stopTimeout !== undefined && stopTimeout < stopTimeoutSecondsMin) {
    throw clientException(`Granular stop timeout on container '${name}' must be at least 2 seconds.`);
  }
  const { restartAttemptPeriod: period, ignoredExitCodes = [] } = restartPolicy ?? {};
  if (period !== undefined && (period < 60 || period > 1800)) {
    throw clientException(`The restartAttemptPeriod of container '${name}' must be between 60 and 1800 seconds.`);
  }
  if (ignoredExitCodes.length > 50) {
    throw clientException(`Container '${name}' has more than 50 ignoredExitCodes.`);
  }
}

const healthRanges = {
  interval: [5, 300],
  timeout: [2, 60],
  retries: [1, 10],
  startPeriod: [0, 300],
} as const;

function checkHealth(name: string, check: HealthCheck): void {
  const [kind, ...rest] = check.command;
  if (kind !== 'CMD' && kind !== 'CMD-SHELL' && kind !== 'NONE') {
    throw clientException(`The healthCheck command of container '${name}' must start with CMD or CMD-SHELL.`);
  }
  if (kind !== 'NONE' && rest.length === 0) {
    throw clientException(`The healthCheck command of container '${name}' is empty.`);
  }
  for (const member of ['interval', 'timeout', 'retries', 'startPeriod'] as const) {
    const [min, max] = healthRanges[member];
    const value = check[member];
    if (value !== undefined && (value < min || value > max)) {
      throw clientException(`The healthCheck ${member} of container '${name}' must be between ${min} and ${max}.`);
    }
  }
}

function checkSums({ cpu, memory, containerDefinitions }: RegisterTaskDefinitionRequest): void {
  const sum = (of: (container: ContainerDefinition) => number | undefined) =>
    containerDefinitions.reduce((total, container) => total + (of(container) ?? 0), 0);
  if (cpu !== undefined && sum((container) => container.cpu) > Number(cpu)) {
    throw clientException("The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.");
  }
  if (memory === undefined) return;
  const above = containerDefinitions.find((container) => (container.memory ?? 0) > Number(memory));
  if (above) {
    throw clientException(
      `Invalid setting for container '${above.name}'. 'memory' cannot be greater than the value of the task 'memory'.`,
    );
  }
  if (sum((container) => container.memoryReservation) > Number(memory)) {
    throw clientException(
      "The sum of all container 'memoryReservation' values cannot be greater than the value of the task 'memory'.",
    );
  }
}

function checkDependencies(containers: readonly ContainerDefinition[]): void {
  const byName = new Map(containers.map((container) => [container.name, container]));
  for (const { name, dependsOn = [] } of containers) {
    for (const { containerName, condition } of dependsOn) {
      const other = byName.get(containerName);
      if (!other) throw clientException(`Cannot depend on container + '${containerName}' because it does not exist`);
      if (containerName === name) throw clientException(`Container '${name}' cannot depend on itself`);
      if ((condition === 'SUCCESS' || condition === 'COMPLETE') && other.essential) {
        throw clientException(
          'A dependency container with SUCCESS or COMPLETE condition cannot be an essential container',
        );
      }
      if (condition === 'HEALTHY' && !other.healthCheck) {
        throw clientException('A dependency container with HEALTHY condition must have health check configured');
      }
    }
  }
  const circle = circleIn(containers, ({ dependsOn, links, volumesFrom }) => [
    ...(dependsOn ?? []).map(({ containerName }) => containerName),
    ...(links ?? []).map((link) => link.split(':', 1)[0] ?? ''),
    ...(volumesFrom ?? []).map(({ sourceContainer = '' }) => sourceContainer),
  ]);
  if (circle) throw clientException(`The containers '${circle.join("', '")}' depend on each other in a circle`);
}

/** Names of containers that need each other, in order. */
function circleIn(
  containers: readonly ContainerDefinition[],
  needs: (container: ContainerDefinition) => readonly string[],
): readonly string[] | undefined {
  const byName = new Map(containers.map((container) => [container.name ?? '', container]));
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(name)) return path.slice(path.indexOf(name));
    const container = byName.get(name);
    if (!container || done.has(name)) return undefined;
    for (const needed of needs(container)) {
      const circle = visit(needed, [...path, name]);
      if (circle) return circle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of byName.keys()) {
    const circle = visit(name, []);
    if (circle) return circle;
  }
  return undefined;
}

function checkVolumes({ volumes = [], containerDefinitions }: RegisterTaskDefinitionRequest): void {
  const names = new Set<string>();
  for (const { name = '', ...volume } of volumes) {
    if (!namePattern.test(name)) throw clientException('Volume.name contains invalid characters.');
    if (names.has(name)) throw clientException(`Volume.name '${name}' is used more than once.`);
    names.add(name);
    const kinds = Object.entries(volume).filter(
      ([kind, value]) => kind !== 'configuredAtLaunch' && value !== undefined,
    );
    if (kinds.length > 1) throw clientException(`The volume '${name}' must have one configuration only.`);
    const { scope, autoprovision } = volume.dockerVolumeConfiguration ?? {};
    if (autoprovision !== undefined && scope !== 'shared') {
      throw clientException(`The volume '${name}': autoprovision is for volumes of the scope shared.`);
    }
  }
  const containers = new Set(containerDefinitions.map(({ name }) => name));
  for (const { name, mountPoints = [], volumesFrom = [], links = [] } of containerDefinitions) {
    for (const { sourceVolume, containerPath } of mountPoints) {
      if (sourceVolume !== undefined && !names.has(sourceVolume)) {
        throw clientException(`Unknown volume '${sourceVolume}'.`);
      }
      if (!containerPath) throw clientException(`A mount point of container '${name}' has no containerPath.`);
    }
    for (const { sourceContainer } of volumesFrom) {
      if (!containers.has(sourceContainer))
        throw clientException(`Unknown container '${sourceContainer}' in volumesFrom.`);
    }
    for (const link of links) {
      const [linked = ''] = link.split(':', 1);
      if (!containers.has(linked))
        throw clientException(`Cannot link to container '${linked}' because it does not exist`);
    }
  }
}

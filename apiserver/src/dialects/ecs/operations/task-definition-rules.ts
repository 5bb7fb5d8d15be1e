/**
 * What ECS asks of a registration beyond its shape, in ECS' words, and the defaults that it fills in. Pure. The kind's own schema and rules
 * (`crds/ecs/task-definition.yaml`) ask the same of everybody; here the texts are those that ECS' users know.
 */
import type { ContainerDefinition, HealthCheck, RegisterTaskDefinitionRequest } from '../model/generated/types.ts';
import { clientException, type EcsError } from '../wire/ecs-error.ts';

export const namePattern = /^[A-Za-z0-9_-]{1,255}$/;
const containersMax = 10;
const portMax = 65_535;
const portRangesMax = 100;
const definitionBytesMax = 65_536;
const stopTimeoutSecondsMin = 2;

/** The request with ECS' defaults. Throws EcsError ClientException that names the field. */
export function normalizedDefinition(request: RegisterTaskDefinitionRequest): RegisterTaskDefinitionRequest {
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
  checkDependencies(definition.containerDefinitions);
  checkVolumes(definition);
  checkFargate(definition);
  if (Buffer.byteLength(JSON.stringify(definition)) > definitionBytesMax) {
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

/** "1024", "1 vCPU", "512", "1 GB" → units or MiB as text. */
function unitsOf(member: 'cpu' | 'memory', text: string): string {
  const pattern = member === 'cpu' ? /^([\d.]+)\s*(vcpus?)?$/i : /^([\d.]+)\s*(gb|gib|mb|mib)?$/i;
  const [, amount = '', unit = ''] = pattern.exec(text.trim()) ?? [];
  const factor = /^(vcpu|g)/i.test(unit) ? 1024 : 1;
  const value = Number(amount) * factor;
  if (amount === '' || !Number.isInteger(value) || value <= 0) {
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
  const { swappiness, maxSwap, sharedMemorySize } = container.linuxParameters ?? {};
  if (swappiness !== undefined && (swappiness < 0 || swappiness > 100)) {
    throw invalid("'swappiness' must be between 0 and 100.");
  }
  if ((maxSwap ?? 0) < 0) throw invalid("'maxSwap' must be 0 or a positive integer.");
  if ((sharedMemorySize ?? 0) < 0) throw invalid("'sharedMemorySize' must not be negative.");
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

/** CPU units → least and most MiB, and the step between. */
const fargateSizes: Readonly<Record<string, readonly [min: number, max: number, step: number]>> = {
  '256': [512, 2048, 512],
  '512': [1024, 4096, 1024],
  '1024': [2048, 8192, 1024],
  '2048': [4096, 16_384, 1024],
  '4096': [8192, 30_720, 1024],
  '8192': [16_384, 61_440, 4096],
  '16384': [32_768, 122_880, 8192],
};

function checkFargate(definition: RegisterTaskDefinitionRequest): EcsError | undefined {
  const { requiresCompatibilities = [], networkMode, cpu, memory, runtimePlatform } = definition;
  if (runtimePlatform?.operatingSystemFamily?.startsWith('WINDOWS')) {
    throw clientException('Containers of Windows are not served.');
  }
  if (!requiresCompatibilities.includes('FARGATE')) return undefined;
  if (networkMode !== 'awsvpc') throw clientException('Fargate only supports network mode ‘awsvpc’.');
  if (cpu === undefined) throw clientException("Fargate requires that 'cpu' be defined at the task level.");
  if (memory === undefined) throw clientException("Fargate requires that 'memory' be defined at the task level.");
  const [min, max, step] = fargateSizes[cpu] ?? [1, 0, 1];
  const mib = Number(memory);
  const isOdd = cpu === '256' && mib === 1536;
  if (mib < min || mib > max || mib % step !== 0 || isOdd) {
    throw clientException(`No Fargate configuration exists for given values: ${cpu} CPU, ${memory} memory.`);
  }
  return undefined;
}

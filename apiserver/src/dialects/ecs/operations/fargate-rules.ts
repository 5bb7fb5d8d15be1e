/** What ECS asks of a definition that requires Fargate, in its words. Pure. */
import type { ContainerDefinition, RegisterTaskDefinitionRequest } from '../model/generated/types.ts';
import { clientException } from '../wire/ecs-error.ts';

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

/** Throws EcsError ClientException. */
export function checkFargate(definition: RegisterTaskDefinitionRequest): void {
  const { requiresCompatibilities = [], networkMode, cpu, memory, runtimePlatform } = definition;
  if (runtimePlatform?.operatingSystemFamily?.startsWith('WINDOWS')) {
    throw clientException('Containers of Windows are not served.');
  }
  if (!requiresCompatibilities.includes('FARGATE')) return;
  for (const container of definition.containerDefinitions) checkContainer(container);
  const refused = refusals.find(([, isSet]) => isSet(definition));
  if (refused) throw clientException(`Fargate does not support ${refused[0]}.`);
  if (networkMode !== 'awsvpc') throw clientException('Fargate only supports network mode ‘awsvpc’.');
  if (cpu === undefined) throw clientException("Fargate requires that 'cpu' be defined at the task level.");
  if (memory === undefined) throw clientException("Fargate requires that 'memory' be defined at the task level.");
  const [min, max, step] = fargateSizes[cpu] ?? [1, 0, 1];
  const mib = Number(memory);
  const isOdd = cpu === '256' && mib === 1536;
  if (mib < min || mib > max || mib % step !== 0 || isOdd) {
    throw clientException(`No Fargate configuration exists for given values: ${cpu} CPU, ${memory} memory.`);
  }
}

type Refusal<T> = readonly [what: string, isSet: (of: T) => boolean];

const refusals: readonly Refusal<RegisterTaskDefinitionRequest>[] = [
  ["'pidMode' host", ({ pidMode }) => pidMode === 'host'],
  ["'ipcMode'", ({ ipcMode }) => ipcMode !== undefined],
  ["'placementConstraints'", ({ placementConstraints = [] }) => placementConstraints.length > 0],
  ["'inferenceAccelerators'", ({ inferenceAccelerators = [] }) => inferenceAccelerators.length > 0],
  ["'host.sourcePath' of volumes", ({ volumes = [] }) => volumes.some(({ host }) => host?.sourcePath !== undefined)],
  [
    "'dockerVolumeConfiguration'",
    ({ volumes = [] }) => volumes.some(({ dockerVolumeConfiguration }) => dockerVolumeConfiguration !== undefined),
  ],
];

const containerRefusals: readonly Refusal<ContainerDefinition>[] = [
  ["'privileged'", ({ privileged }) => privileged === true],
  ["'devices'", ({ linuxParameters }) => (linuxParameters?.devices ?? []).length > 0],
  ["'tmpfs'", ({ linuxParameters }) => (linuxParameters?.tmpfs ?? []).length > 0],
  ["'sharedMemorySize'", ({ linuxParameters }) => linuxParameters?.sharedMemorySize !== undefined],
  ["'maxSwap'", ({ linuxParameters }) => linuxParameters?.maxSwap !== undefined],
  ["'swappiness'", ({ linuxParameters }) => linuxParameters?.swappiness !== undefined],
  [
    'capabilities beyond SYS_PTRACE',
    ({ linuxParameters }) => (linuxParameters?.capabilities?.add ?? []).some((name) => name !== 'SYS_PTRACE'),
  ],
  ["'dockerSecurityOptions'", ({ dockerSecurityOptions = [] }) => dockerSecurityOptions.length > 0],
  ["'resourceRequirements'", ({ resourceRequirements = [] }) => resourceRequirements.length > 0],
];
const timeoutSecondsMax = 120;

function checkContainer(container: ContainerDefinition): void {
  const { name, startTimeout = 0, stopTimeout = 0 } = container;
  const refused = containerRefusals.find(([, isSet]) => isSet(container));
  if (refused) throw clientException(`Fargate does not support ${refused[0]}: container '${name}'.`);
  if (startTimeout > timeoutSecondsMax) {
    throw clientException(
      `Granular start timeout on container '${name}' must be at most ${timeoutSecondsMax} seconds on Fargate.`,
    );
  }
  if (stopTimeout > timeoutSecondsMax) {
    throw clientException(
      `Granular stop timeout on container '${name}' must be at most ${timeoutSecondsMax} seconds on Fargate.`,
    );
  }
}

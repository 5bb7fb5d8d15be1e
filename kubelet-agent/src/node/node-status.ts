import type { ContainerImage, NodeAddress, NodeCondition, NodeStatus } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import type { MachineFacts, MachinePressure } from './machine-facts.ts';

export interface NodeStatusInput {
  readonly machine: MachineFacts;
  readonly pressure: MachinePressure;
  readonly addresses: readonly string[];
  readonly podsMax: number;
  readonly agentPort: number;
  readonly kubeletVersion: string;
  readonly containerRuntimeVersion: string;
  readonly images: readonly ContainerImage[];
  /** What keeps the node from running pods, in a sentence; none when it can. */
  readonly problems: readonly string[];
  readonly previous: readonly NodeCondition[];
  readonly nowMs: number;
}

/** Upstream's hard eviction thresholds, which allocatable leaves free. */
const memoryReservedBytes = 100 * 1024 * 1024;
const storageReserved = 0.1;
const inodesReserved = 0.05;
const pidsMin = 1000;
/** More would make every status large for nothing: the scheduler looks only at the images of what it places. */
const imagesMax = 50;

/** Pure. */
export function nodeStatus(input: NodeStatusInput): NodeStatus {
  const { machine, images } = input;
  return {
    addresses: nodeAddresses(input),
    capacity: resources(input, { memory: machine.memoryBytes, storage: machine.storageBytes }),
    allocatable: resources(input, {
      memory: Math.max(machine.memoryBytes - memoryReservedBytes, 0),
      storage: Math.floor(machine.storageBytes * (1 - storageReserved)),
    }),
    conditions: nodeConditions(input),
    daemonEndpoints: { kubeletEndpoint: { Port: input.agentPort } },
    images: images.slice(0, imagesMax),
    nodeInfo: {
      architecture: machine.architecture,
      bootID: machine.bootId,
      containerRuntimeVersion: input.containerRuntimeVersion,
      kernelVersion: machine.kernelVersion,
      kubeProxyVersion: '',
      kubeletVersion: input.kubeletVersion,
      machineID: machine.machineId,
      operatingSystem: 'linux',
      osImage: machine.osImage,
      systemUUID: machine.systemUuid,
    },
  };
}

/** Under which the node is known, and its agent reached. */
export function nodeAddresses({
  addresses,
  machine,
}: {
  readonly addresses: readonly string[];
  readonly machine: Pick<MachineFacts, 'hostname'>;
}): NodeAddress[] {
  const internal = addresses.map((address) => ({ type: 'InternalIP', address }));
  return [...internal, { type: 'Hostname', address: machine.hostname }];
}

function resources(
  { machine, podsMax }: NodeStatusInput,
  amounts: { readonly memory: number; readonly storage: number },
): Record<string, string> {
  const hugePages = Object.entries(machine.hugePages).map(([size, bytes]) => [`hugepages-${size}`, String(bytes)]);
  return {
    cpu: String(machine.cpus),
    memory: `${Math.floor(amounts.memory / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor(amounts.storage / 1024)}Ki`,
    pods: String(podsMax),
    ...Object.fromEntries(hugePages),
  };
}

function nodeConditions(input: NodeStatusInput): NodeCondition[] {
  const { pressure, problems } = input;
  const diskIsShort =
    pressure.storageAvailableBytes < pressure.storageBytes * storageReserved ||
    (pressure.inodes > 0 && pressure.inodesFree < pressure.inodes * inodesReserved);
  const wanted = [
    pressure.memoryAvailableBytes < memoryReservedBytes
      ? ['MemoryPressure', 'True', 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available']
      : ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    diskIsShort
      ? ['DiskPressure', 'True', 'KubeletHasDiskPressure', 'kubelet has disk pressure']
      : ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    pressure.pidsAvailable < pidsMin
      ? ['PIDPressure', 'True', 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available']
      : ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    problems.length > 0
      ? ['Ready', 'False', 'KubeletNotReady', `[${problems.join(', ')}]`]
      : ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
  ];
  return wanted.map(([type = '', status = '', reason, message]) => {
    const before = input.previous.find((condition) => condition.type === type);
    const now = formatTime(input.nowMs);
    return {
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: now,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
    };
  });
}

/** Equal but for the heartbeat's time: nothing to tell before the next full report. Pure. */
export function withoutHeartbeat(status: NodeStatus): NodeStatus {
  const conditions = (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...condition }) => condition);
  return { ...status, conditions };
}

import { formatTime } from '@slipway/kit/clock';
import type { Lease, Node, NodeCondition, NodeStatus, Taint } from '@slipway/api/types';
import { kubeletVersion } from '../config.ts';
import { nodeLabels } from '../node/node-agent-status.ts';

export interface SimulatedNodeOptions {
  readonly namePrefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** Values of `topology.kubernetes.io/zone`, given to the nodes in turn; none = no such label. */
  readonly zones: readonly string[];
  /** Quantities by resource, over `capacityDefault`. */
  readonly capacity: Readonly<Record<string, string>>;
  /** Where the process that simulates the node answers for its kubelet. */
  readonly address: string;
  readonly port: number;
}

/** On every simulated node; its value is the name prefix, by which a process knows its own. */
export const simulatedLabel = 'slipway.dev/simulated';
/** On a node, with the value `true`: it does as if it had lost its power, until the annotation goes. */
export const silentAnnotation = 'slipway.dev/simulated-silent';

export const leaseNamespace = 'kube-node-lease';

const capacityDefault = { cpu: '32', memory: '256Gi', 'ephemeral-storage': '1Ti', pods: '110' } as const;

export function nodeName({ namePrefix }: Pick<SimulatedNodeOptions, 'namePrefix'>, index: number): string {
  return `${namePrefix}-${index}`;
}

/** The Node as its kubelet would register it. Pure. */
export function nodeObject(options: SimulatedNodeOptions, index: number, nowMs: number): Node {
  const name = nodeName(options, index);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: labelsOf(options, index), annotations: options.annotations },
    spec: options.taints.length > 0 ? { taints: [...options.taints] } : {},
    status: nodeStatusOf(options, name, [], nowMs),
  };
}

function labelsOf({ labels, zones, namePrefix }: SimulatedNodeOptions, index: number): Record<string, string> {
  const zone = zones[index % Math.max(zones.length, 1)];
  const own = {
    [simulatedLabel]: namePrefix,
    'kubernetes.io/hostname': `${namePrefix}-${index}`,
    ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
  };
  return nodeLabels({ ...own, ...labels }, `${namePrefix}-${index}`, 'amd64');
}

const conditions = [
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
] as const;

/** Pure. Conditions that do not change keep the time at which they last did. */
export function nodeStatusOf(
  { capacity, address, port }: SimulatedNodeOptions,
  name: string,
  previous: readonly NodeCondition[],
  nowMs: number,
): NodeStatus {
  const now = formatTime(nowMs);
  const amounts = { ...capacityDefault, ...capacity };
  return {
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
    capacity: amounts,
    allocatable: amounts,
    conditions: conditions.map(([type, status, reason, message]) => {
      const before = previous.find((condition) => condition.type === type);
      const since = before?.status === status ? before.lastTransitionTime : now;
      return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime: since };
    }),
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    nodeInfo: {
      architecture: 'amd64',
      bootID: name,
      containerRuntimeVersion: `simulated://${kubeletVersion}`,
      kernelVersion: 'simulated',
      kubeProxyVersion: '',
      kubeletVersion,
      machineID: name,
      operatingSystem: 'linux',
      osImage: 'simulated',
      systemUUID: name,
    },
  };
}

/** Whether the node shows what this process would tell of it, times of heartbeats aside. Pure. */
export function showsOurs(options: SimulatedNodeOptions, { metadata, status }: Node): boolean {
  const ours = nodeStatusOf(options, metadata.name ?? '', [], 0);
  const has = (type: string) => status?.conditions?.find((condition) => condition.type === type)?.status;
  return (
    (ours.conditions ?? []).every(({ type, status: value }) => has(type) === value) &&
    status?.daemonEndpoints?.kubeletEndpoint?.Port === options.port &&
    status.addresses?.some(({ address }) => address === options.address) === true &&
    Object.entries(ours.capacity ?? {}).every(([name, amount]) => status.capacity?.[name] === amount)
  );
}

/** Pure. */
export function leaseObject(node: Node, leaseSeconds: number, renewTime: string): Lease {
  const { name = '', uid } = node.metadata;
  const ownerReferences = uid ? [{ apiVersion: 'v1', kind: 'Node', name, uid }] : [];
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: leaseNamespace, ownerReferences },
    spec: { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime },
  };
}

/**
 * A node and its instance say the same. Draining has two masters: `spec.status` of the instance and `spec.unschedulable` of the node.
 * `status.status` is what both were when they last agreed, so whichever differs from it has been changed and is carried over; when both
 * have, ECS' word holds.
 */
import type { ContainerInstance, ContainerInstanceStatus, InstanceAttribute } from '@slipway/api/ecs/kinds';
import { parseQuantity, quantityMilliValue, quantityValue } from '@slipway/api/quantity';
import type { Node } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { Plan, Step } from '../../runtime/step.ts';
import { attributeLabelPrefix } from '@slipway/api/ecs/cluster-query';

export interface ObservedInstance {
  readonly node: Node;
  readonly instance: ContainerInstance | undefined;
}

/** On a node: the one cluster whose tasks it takes. */
export const clusterLabel = 'slipway.dev/ecs-cluster';

type State = 'ACTIVE' | 'DRAINING';

export function planInstance({ node, instance }: ObservedInstance): Plan {
  if (node.metadata.deletionTimestamp !== undefined) return { steps: [], status: 'unchanged' };
  if (!instance) return { steps: [creation(node)], status: 'unchanged' };
  if (instance.metadata.deletionTimestamp !== undefined) return { steps: [], status: 'unchanged' };
  const state = agreed(node, instance);
  return {
    steps: [
      ...instanceSteps(instance, state),
      ...nodeSteps(node, instance, state),
      ...statusSteps(node, instance, state),
    ],
    status: 'unchanged',
  };
}

function creation(node: Node): Step {
  const { name = '', uid = '', labels } = node.metadata;
  const cluster = labels?.[clusterLabel];
  const owner = { apiVersion: 'v1', kind: 'Node', name, uid };
  return {
    op: 'create',
    kind: kinds.ecsContainerInstances,
    object: {
      apiVersion: 'ecs.slipway.dev/v1',
      kind: 'ContainerInstance',
      // The garbage collector takes it away with the node.
      metadata: { name, ownerReferences: [owner] },
      spec: { status: stateOf(node), ...(cluster === undefined ? {} : { cluster }) },
    } as ContainerInstance,
  };
}

const stateOf = ({ spec }: Node): State => (spec?.unschedulable ? 'DRAINING' : 'ACTIVE');

function agreed(node: Node, { spec, status }: ContainerInstance): State {
  const wanted = spec.status ?? 'ACTIVE';
  const before = status?.status ?? stateOf(node);
  return wanted === before ? stateOf(node) : wanted;
}

function instanceSteps(instance: ContainerInstance, state: State): readonly Step[] {
  if ((instance.spec.status ?? 'ACTIVE') === state) return [];
  return [{ op: 'patch', kind: kinds.ecsContainerInstances, target: instance, patch: { spec: { status: state } } }];
}

/** Cordoned as the instance is, and labelled with its custom attributes, by which tasks are placed. */
function nodeSteps(node: Node, { spec }: ContainerInstance, state: State): readonly Step[] {
  const labels = labelChanges(node, spec.attributes ?? []);
  const cordon = stateOf(node) === state ? {} : { spec: { unschedulable: state === 'DRAINING' ? true : null } };
  const patch = { ...cordon, ...(Object.keys(labels).length > 0 ? { metadata: { labels } } : {}) };
  if (Object.keys(patch).length === 0) return [];
  return [{ op: 'patch', kind: kinds.nodes, target: node, patch }];
}

const labelValuePattern = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const labelNamePattern = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** What does not fit a label is shown in ECS alone. */
function labelChanges(node: Node, attributes: readonly InstanceAttribute[]): Record<string, string | null> {
  const wanted = new Map(
    attributes
      .filter(({ name, value = '' }) => labelNamePattern.test(name) && labelValuePattern.test(value))
      .map(({ name, value = '' }) => [`${attributeLabelPrefix}${name}`, value]),
  );
  const labels = node.metadata.labels ?? {};
  const changes: Record<string, string | null> = {};
  for (const key of Object.keys(labels)) {
    if (key.startsWith(attributeLabelPrefix) && !wanted.has(key)) changes[key] = null;
  }
  for (const [key, value] of wanted) if (labels[key] !== value) changes[key] = value;
  return changes;
}

function statusSteps(node: Node, instance: ContainerInstance, state: State): readonly Step[] {
  const status = statusOf(node, state);
  const { status: shown = {} } = instance;
  const differs = Object.entries(status).some(
    ([member, value]) => JSON.stringify(shown[member as keyof ContainerInstanceStatus]) !== JSON.stringify(value),
  );
  if (!differs) return [];
  // After what it says is true. The instance may have been changed by the step before.
  const step = { op: 'patch', kind: kinds.ecsContainerInstances, target: instance, evenIfChanged: true } as const;
  return [{ ...step, subresource: 'status', patch: { status } }];
}

function statusOf({ metadata, spec, status }: Node, state: State): ContainerInstanceStatus {
  const { nodeInfo, conditions = [], allocatable = {} } = status ?? {};
  const versions = {
    ...(nodeInfo?.kubeletVersion ? { agentVersion: nodeInfo.kubeletVersion } : {}),
    ...(nodeInfo?.containerRuntimeVersion ? { dockerVersion: nodeInfo.containerRuntimeVersion } : {}),
  };
  return {
    status: state,
    agentConnected: conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
    ec2InstanceId: spec?.providerID?.split('/').at(-1) || (metadata.name ?? ''),
    versionInfo: versions,
    registeredResources: resourcesOf(allocatable),
    ...(metadata.creationTimestamp === undefined ? {} : { registeredAt: metadata.creationTimestamp }),
    attributes: attributesOf(metadata.labels ?? {}),
  };
}

const cpuUnitsPerCore = 1024n;
const mebibyte = 1024n * 1024n;
/** Those that ECS keeps for itself. */
const reservedPorts = ['22', '2375', '2376', '51678', '51679', '51680'];

function resourcesOf(allocatable: Readonly<Record<string, string>>): ContainerInstanceStatus['registeredResources'] {
  const cpu = (quantityMilliValue(parseQuantity(allocatable.cpu ?? '0')) * cpuUnitsPerCore) / 1000n;
  const memory = quantityValue(parseQuantity(allocatable.memory ?? '0')) / mebibyte;
  return [
    { name: 'CPU', type: 'INTEGER', integerValue: Number(cpu) },
    { name: 'MEMORY', type: 'INTEGER', integerValue: Number(memory) },
    { name: 'PORTS', type: 'STRINGSET', stringSetValue: reservedPorts },
    { name: 'PORTS_UDP', type: 'STRINGSET', stringSetValue: [] },
  ];
}

const attributeOfLabel: readonly (readonly [attribute: string, label: string])[] = [
  ['ecs.availability-zone', 'topology.kubernetes.io/zone'],
  ['ecs.cpu-architecture', 'kubernetes.io/arch'],
  ['ecs.instance-type', 'node.kubernetes.io/instance-type'],
  ['ecs.os-type', 'kubernetes.io/os'],
];
const architectures: Readonly<Record<string, string>> = { amd64: 'x86_64' };

function attributesOf(labels: Readonly<Record<string, string>>): readonly InstanceAttribute[] {
  return attributeOfLabel.flatMap(([name, label]) => {
    const value = labels[label];
    return value === undefined ? [] : [{ name, value: architectures[value] ?? value }];
  });
}

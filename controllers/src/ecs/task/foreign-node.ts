/**
 * Tasks on nodes whose agent is not ours. Any kubelet runs the pod, but what Kubernetes has no field for stands in annotations of ours, and there nobody
 * obeys them. What can be done from here is done from here: a task whose essential container has ended is stopped. The rest is named.
 */
import { runtimeTermsKeys } from '@slipway/api/container-runtime-terms';
import { containersAnnotation, podTerms } from '@slipway/api/container-terms';
import { taskMetadataAnnotation } from '@slipway/api/ecs/task-metadata';
import { placementAnnotation } from '@slipway/api/placement-wishes';
import type { Node, Pod } from '@slipway/api/types';
import type { EffectiveContainer, EffectiveDefinition } from './effective-definition.ts';
import { defaultNetworkAnnotation } from './task-network.ts';

const ownPrefix = 'slipway.dev/';
/** Told of by themselves, or no field of a definition. */
const toldOf = [containersAnnotation, defaultNetworkAnnotation, taskMetadataAnnotation, placementAnnotation];
/** What our agent calls itself in `nodeInfo.kubeletVersion`, behind the version of Kubernetes. */
const ourBuild = '+slipway';

/** Of a node that has not told its kubelet yet nothing is known. */
export function isForeign(node: Node | undefined): boolean {
  const version = node?.status?.nodeInfo?.kubeletVersion;
  return version !== undefined && version !== '' && !version.includes(ourBuild);
}

/** What the task loses by the node that it is on, in one sentence: fields, and why. Empty on our own nodes and before it has one. */
export function lossesOnNode(pod: Pod, definition: EffectiveDefinition, node: Node | undefined): readonly string[] {
  if (!isForeign(node)) return [];
  const where = `on node ${node?.metadata.name}, whose kubelet (${node?.status?.nodeInfo?.kubeletVersion}) is not Slipway's`;
  const annotations = pod.metadata.annotations ?? {};
  const others = Object.keys(annotations).filter((key) => key.startsWith(ownPrefix) && !toldOf.includes(key));
  const packs = annotations[placementAnnotation]?.includes('binpack');
  const network = annotations[defaultNetworkAnnotation];
  const lost = [
    ...definition.containers.flatMap((container) => containerLosses(container, pod)),
    ...(network === undefined ? [] : [networkLoss(network, definition)]),
    ...(packs ? ["placementStrategy binpack is obeyed by Slipway's own scheduler alone"] : []),
    ...others.sort().map((key) => `the annotation ${key} is obeyed by nobody`),
  ];
  return lost.length > 0 ? [`${where}: ${lost.join('; ')}`] : [];
}

/** ECS' field of what stands in the annotation. */
const fieldOf = {
  user: 'user (by name)',
  init: 'linuxParameters.initProcessEnabled',
  ulimits: 'ulimits',
  devices: 'linuxParameters.devices',
  tmpfs: 'linuxParameters.tmpfs (with mountOptions)',
  network: 'disableNetworking',
  ipc: 'ipcMode none',
  swapLimitBytes: 'linuxParameters.maxSwap',
  log: 'logConfiguration.options',
  labels: 'dockerLabels',
} as const satisfies Record<(typeof runtimeTermsKeys)[number], string>;

function containerLosses({ name, podName }: EffectiveContainer, pod: Pod): string[] {
  const terms = podTerms(pod)[podName] ?? {};
  const { dependsOn, stopTimeoutSeconds, restartMinRunSeconds } = terms;
  const grace = pod.spec.terminationGracePeriodSeconds;
  return [
    ...(dependsOn ? [`${name}.dependsOn has no effect: all containers start and stop at once`] : []),
    ...(stopTimeoutSeconds !== undefined && stopTimeoutSeconds !== grace
      ? [`${name}.stopTimeout is that of the whole task, ${grace} s`]
      : []),
    ...(restartMinRunSeconds ? [`${name}.restartPolicy.restartAttemptPeriod is the kubelet's own back-off`] : []),
    ...runtimeTermsKeys.filter((key) => terms[key] !== undefined).map((key) => `${name}.${fieldOf[key]} has no effect`),
  ];
}

function networkLoss(network: string, { networkMode }: EffectiveDefinition): string {
  if (networkMode === 'none') return 'networkMode none has no effect: the task is on the network of the cluster';
  return `networkConfiguration.subnets ${network} has no effect: the task is on the network of the cluster`;
}

/** An essential container that has ended and that nobody starts again, where no agent of ours ends the pod for it. */
export function hasLostEssential(pod: Pod, { containers }: EffectiveDefinition, node: Node | undefined): boolean {
  if (!isForeign(node)) return false;
  return containers.some(({ podName, essential = true, restartPolicy }) => {
    const state = pod.status?.containerStatuses?.find(({ name }) => name === podName)?.state;
    return essential && !restartPolicy?.enabled && state?.terminated !== undefined;
  });
}

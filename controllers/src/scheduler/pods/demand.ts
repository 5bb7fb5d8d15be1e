/**
 * What a pod asks of a node. Pods of one template ask the same, so this is computed once per template and shared: a
 * hundred thousand running pods cost a few hundred of these.
 */
import type { NodeSelectorTerm, Pod, PodSpec, Toleration } from '@slipway/api/types';
import { parsePlacement, placementAnnotation, type PlacementWish } from '@slipway/api/placement-wishes';
import { type Amounts, assumedUseOf, requestsOf } from './amounts.ts';
import { type Labels, type NodeSelection, selectionOfNodes, selectionOfTerms } from './matchers.ts';
import {
  type AffinityTerm,
  affinityTermFrom,
  type SpreadConstraint,
  spreadConstraintFrom,
  type WeightedTerm,
} from './pod-terms.ts';

export interface HostPort {
  readonly protocol: string;
  readonly hostIp: string;
  readonly port: number;
}

export interface Demand {
  /** Names it among the demands of one reader. */
  readonly id: number;
  readonly schedulerName: string;
  readonly priority: number;
  readonly mayPreempt: boolean;
  readonly requests: Amounts;
  /** Thousandths of a core and bytes, for ranking; see `assumedUseOf`. */
  readonly assumedUse: { readonly cpu: number; readonly memory: number };
  readonly hostPorts: readonly HostPort[];
  readonly tolerations: readonly Toleration[];
  /** nodeSelector and required node affinity; undefined = any node. */
  readonly nodes: NodeSelection | undefined;
  /** The only nodes in question, where node affinity names them as it does for the pods of a DaemonSet. */
  readonly nodeNames: ReadonlySet<string> | undefined;
  readonly preferredNodes: readonly { readonly weight: number; readonly nodes: NodeSelection }[];
  readonly affinity: readonly AffinityTerm[];
  readonly antiAffinity: readonly AffinityTerm[];
  readonly preferredAffinity: readonly WeightedTerm[];
  readonly spread: readonly SpreadConstraint[];
  /** How its node is chosen; undefined = as its profile says. */
  readonly wishes: readonly PlacementWish[] | undefined;
  /** One entry per container, init containers too. */
  readonly images: readonly string[];
}

/** The name that pods carry which name no scheduler. */
export const defaultSchedulerName = 'default-scheduler';

/** What of the pod decides its demand, as text: equal texts mean equal demands. */
export function demandKeyOf(pod: Pod): string {
  const { spec } = pod;
  const shape = (containers: PodSpec['containers'] | undefined) =>
    containers?.map(({ image, resources, ports, restartPolicy }) => [
      image,
      resources?.requests,
      ports?.some(({ hostPort }) => hostPort) ? ports : 0,
      restartPolicy,
    ]);
  const key = JSON.stringify([
    pod.metadata.namespace,
    spec.schedulerName,
    spec.priority,
    spec.preemptionPolicy,
    shape(spec.containers),
    shape(spec.initContainers),
    spec.resources?.requests,
    spec.overhead,
    spec.nodeSelector,
    spec.affinity,
    spec.tolerations,
    spec.topologySpreadConstraints,
    pod.metadata.annotations?.[placementAnnotation],
  ]);
  const dependsOnLabels = spec.topologySpreadConstraints !== undefined || key.includes('atchLabelKeys"');
  return dependsOnLabels ? key + JSON.stringify(pod.metadata.labels) : key;
}

export function demandFrom(pod: Pod, id: number): Demand {
  const { spec } = pod;
  const namespace = pod.metadata.namespace ?? '';
  const labels = pod.metadata.labels ?? {};
  const nodeAffinity = spec.affinity?.nodeAffinity;
  const requiredNodes = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return {
    id,
    schedulerName: spec.schedulerName ?? defaultSchedulerName,
    priority: spec.priority ?? 0,
    mayPreempt: spec.preemptionPolicy !== 'Never',
    requests: requestsOf(spec),
    assumedUse: assumedUseOf(spec),
    hostPorts: hostPortsOf(spec),
    tolerations: spec.tolerations ?? [],
    nodes: selectionOfNodes(spec.nodeSelector, requiredNodes),
    nodeNames: requiredNodes && namesIn(requiredNodes),
    preferredNodes: (nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((preferred) => ({
      weight: preferred.weight,
      nodes: selectionOfTerms([preferred.preference]),
    })),
    ...podTermsOf(spec, namespace, labels),
    spread: (spec.topologySpreadConstraints ?? []).map((constraint) =>
      spreadConstraintFrom(constraint, namespace, labels),
    ),
    wishes: parsePlacement(pod.metadata.annotations?.[placementAnnotation]),
    images: [...(spec.initContainers ?? []), ...(spec.containers ?? [])].map(({ image }) => imageName(image ?? '')),
  };
}

function podTermsOf(spec: PodSpec, namespace: string, labels: Labels) {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const weighted = (
    preferred: NonNullable<typeof podAffinity>['preferredDuringSchedulingIgnoredDuringExecution'],
    sign: number,
  ) =>
    (preferred ?? []).map(({ podAffinityTerm, weight }) => ({
      term: affinityTermFrom(podAffinityTerm, namespace, labels),
      weight: sign * weight,
    }));
  return {
    affinity: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
      affinityTermFrom(term, namespace, labels),
    ),
    antiAffinity: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
      affinityTermFrom(term, namespace, labels),
    ),
    preferredAffinity: [
      ...weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
      ...weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
    ],
  };
}

/** Undefined unless every term names its nodes. */
function namesIn(terms: readonly NodeSelectorTerm[]): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  for (const { matchFields } of terms) {
    const named = matchFields?.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
    if (!named) return undefined;
    for (const name of named.values ?? []) names.add(name);
  }
  return names;
}

function hostPortsOf(spec: PodSpec): HostPort[] {
  const containers = [
    ...(spec.containers ?? []),
    ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ];
  return containers.flatMap(({ ports }) =>
    (ports ?? []).flatMap(({ hostPort, hostIP, protocol }) =>
      hostPort ? [{ protocol: protocol ?? 'TCP', hostIp: hostIP || '0.0.0.0', port: hostPort }] : [],
    ),
  );
}

/** Nodes report images with their tag; a pod may leave `:latest` out. */
export function imageName(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}

/** What scheduling needs to know of a pod, computed once per version of the object. */
import { amountOf } from './quantities.ts';
import {
  compileNodeSelector,
  compileTerms,
  type LabelMatcher,
  matcherOfLabelSelector,
  type NodeMatcher,
} from './matchers.ts';
import type { Container, Pod, PodAffinityTerm, Toleration, TopologySpreadConstraint } from '@slipway/api/types';

/** Amounts by resource name: cpu in millicores, everything else in its base unit. */
export type Resources = ReadonlyMap<string, number>;

export interface HostPort {
  readonly protocol: string;
  readonly hostIp: string;
  readonly port: number;
}

export interface AffinityTerm {
  readonly topologyKey: string;
  readonly namespaces: ReadonlySet<string>;
  readonly matches: LabelMatcher;
  /** 1 to 100 for preferred terms, undefined for required ones. */
  readonly weight?: number;
}

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly hard: boolean;
  readonly matches: LabelMatcher;
  readonly honorTaints: boolean;
  readonly honorAffinity: boolean;
}

export interface PodInfo {
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly pod: Pod;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly requests: Resources;
  readonly hostPorts: readonly HostPort[];
  readonly tolerations: readonly Toleration[];
  /** nodeSelector and required node affinity; undefined = any node. */
  readonly nodeMatches: NodeMatcher | undefined;
  readonly preferredNodes: readonly { readonly weight: number; readonly matches: NodeMatcher }[];
  readonly affinity: readonly AffinityTerm[];
  readonly antiAffinity: readonly AffinityTerm[];
  readonly preferredAffinity: readonly AffinityTerm[];
  readonly spread: readonly SpreadConstraint[];
  readonly images: readonly string[];
  /** Uid of the controlling owner: pods of one owner are siblings. */
  readonly ownerUid: string | undefined;
  readonly gated: boolean;
}

const cache = new WeakMap<Pod, PodInfo>();

/** Cheap for a version that was seen before: frozen objects keep their identity. */
export function podInfoFrom(pod: Pod): PodInfo {
  let info = cache.get(pod);
  if (!info) {
    info = build(pod);
    cache.set(pod, info);
  }
  return info;
}

function build(pod: Pod): PodInfo {
  const { metadata, spec } = pod;
  const namespace = metadata.namespace ?? '';
  const labels = metadata.labels ?? {};
  const nodeAffinity = spec.affinity?.nodeAffinity;
  return {
    key: `${namespace}/${metadata.name}`,
    uid: metadata.uid ?? '',
    namespace,
    pod,
    labels,
    priority: spec.priority ?? 0,
    requests: requestsOf(pod),
    hostPorts: hostPortsOf(pod),
    tolerations: spec.tolerations ?? [],
    nodeMatches: compileNodeSelector(
      spec.nodeSelector,
      nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms,
    ),
    preferredNodes: (nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((preference) => ({
      weight: preference.weight,
      matches: compileTerms([preference.preference]),
    })),
    affinity: (spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
      affinityTerm(term, namespace),
    ),
    antiAffinity: (spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
      affinityTerm(term, namespace),
    ),
    preferredAffinity: [
      ...(spec.affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((preference) =>
        affinityTerm(preference.podAffinityTerm, namespace, preference.weight),
      ),
      ...(spec.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((preference) =>
        affinityTerm(preference.podAffinityTerm, namespace, -preference.weight),
      ),
    ],
    spread: (spec.topologySpreadConstraints ?? []).map((constraint) => spreadConstraint(constraint, labels)),
    images: (spec.containers ?? []).map((container) => container.image ?? ''),
    ownerUid: metadata.ownerReferences?.find((reference) => reference.controller)?.uid,
    gated: (spec.schedulingGates ?? []).length > 0,
  };
}

function affinityTerm(term: PodAffinityTerm, namespace: string, weight?: number): AffinityTerm {
  const named = term.namespaces ?? [];
  return {
    topologyKey: term.topologyKey,
    namespaces: new Set(named.length > 0 ? named : [namespace]),
    matches: matcherOfLabelSelector(term.labelSelector),
    ...(weight === undefined ? {} : { weight }),
  };
}

function spreadConstraint(
  constraint: TopologySpreadConstraint,
  labels: Readonly<Record<string, string>>,
): SpreadConstraint {
  const extra = (constraint.matchLabelKeys ?? []).flatMap((key) => {
    const value = labels[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  const selector = {
    ...constraint.labelSelector,
    matchLabels: { ...constraint.labelSelector?.matchLabels, ...Object.fromEntries(extra) },
  };
  return {
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    hard: constraint.whenUnsatisfiable === 'DoNotSchedule',
    matches: constraint.labelSelector ? matcherOfLabelSelector(selector) : () => false,
    honorTaints: constraint.nodeTaintsPolicy === 'Honor',
    honorAffinity: constraint.nodeAffinityPolicy !== 'Ignore',
  };
}

/** Sum of the containers, or the largest step of the init containers where that is more, plus the overhead. */
function requestsOf(pod: Pod): Resources {
  const { spec } = pod;
  const running = new Map<string, number>();
  for (const container of spec.containers ?? []) addAmounts(running, requested(container));
  const sidecars = new Map<string, number>();
  let peak: Resources = new Map();
  for (const container of spec.initContainers ?? []) {
    const own = requested(container);
    if (container.restartPolicy === 'Always') {
      addAmounts(sidecars, own);
      addAmounts(running, own);
      peak = larger(peak, sidecars);
    } else {
      const step = new Map(sidecars);
      addAmounts(step, own);
      peak = larger(peak, step);
    }
  }
  const total = new Map(larger(running, peak));
  addAmounts(total, amounts(spec.overhead));
  return total;
}

function requested(container: Container): Resources {
  return amounts(container.resources?.requests);
}

export function amounts(list: Readonly<Record<string, string>> | undefined): Map<string, number> {
  const map = new Map<string, number>();
  for (const [name, text] of Object.entries(list ?? {})) map.set(name, amountOf(name, text));
  return map;
}

export function addAmounts(into: Map<string, number>, from: Resources, sign = 1): void {
  for (const [name, amount] of from) into.set(name, (into.get(name) ?? 0) + sign * amount);
}

function larger(a: Resources, b: Resources): Resources {
  const result = new Map(a);
  for (const [name, amount] of b) result.set(name, Math.max(amount, result.get(name) ?? 0));
  return result;
}

function hostPortsOf(pod: Pod): HostPort[] {
  const containers = [
    ...(pod.spec.containers ?? []),
    ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
  ];
  return containers.flatMap((container) =>
    (container.ports ?? []).flatMap((port) =>
      port.hostPort
        ? [{ protocol: port.protocol ?? 'TCP', hostIp: port.hostIP || '0.0.0.0', port: port.hostPort }]
        : [],
    ),
  );
}

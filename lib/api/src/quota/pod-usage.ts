import { podQosClass } from '../defaults/pod-qos.ts';
import { podLimits, podRequests } from '../pod-resources.ts';
import type { Quantity } from '../quantity.ts';
import type { Container, Pod, PodSpec } from '../types.ts';
import type { QuotaScope } from './evaluator.ts';
import { one, type Usage } from './usage.ts';

const computeNames = new Set([
  'count/pods',
  'pods',
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
]);
const hugePages = 'hugepages-';
const requestsPrefix = 'requests.';

export function coversPods(name: string): boolean {
  if (computeNames.has(name) || name.startsWith(hugePages)) return true;
  if (!name.startsWith(requestsPrefix)) return false;
  const requested = name.slice(requestsPrefix.length);
  // Resources that a device or an operator brings have a domain: `requests.nvidia.com/gpu`.
  return requested.startsWith(hugePages) || requested.includes('/');
}

const standard = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** A pod that has ended, or should have, is an object and uses nothing else. */
export function podUsage(pod: Pod, nowMs: number): Usage {
  const usage = new Map<string, Quantity>([['count/pods', one]]);
  if (isOver(pod, nowMs)) return usage;
  usage.set('pods', one);
  for (const [name, amount] of podRequests(pod.spec)) {
    usage.set(`${requestsPrefix}${name}`, amount);
    if (standard.has(name) || name.startsWith(hugePages)) usage.set(name, amount);
  }
  for (const [name, amount] of podLimits(pod.spec)) if (standard.has(name)) usage.set(`limits.${name}`, amount);
  return usage;
}

function isOver({ metadata, status }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return false;
  // The timestamp is already the end of the grace.
  return Date.parse(deletionTimestamp) < nowMs;
}

/** Whoever limits these expects every container to say how much it wants. */
const namesToSay = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']);

/** `limits.cpu for: a,b; requests.memory for: a`. */
export function missingFromPod({ spec }: Pod, names: readonly string[]): string | undefined {
  const required = names.filter((name) => namesToSay.has(name)).sort();
  if (required.length === 0) return undefined;
  const texts = required.flatMap((name) => {
    if (saysForAll(spec, name)) return [];
    const silent = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].filter((each) => !says(each, name));
    const containers = [...new Set(silent.map((each) => each.name))].sort();
    return containers.length === 0 ? [] : [`${name} for: ${containers.join(',')}`];
  });
  return texts.length === 0 ? undefined : `must specify ${texts.join('; ')}`;
}

function saysForAll({ resources }: PodSpec, name: string): boolean {
  return amountNamed(resources, name) !== undefined;
}

function says({ resources }: Container, name: string): boolean {
  return amountNamed(resources, name) !== undefined;
}

function amountNamed(resources: Container['resources'], name: string): string | undefined {
  if (name.startsWith('limits.')) return resources?.limits?.[name.slice('limits.'.length)];
  return resources?.requests?.[name.startsWith(requestsPrefix) ? name.slice(requestsPrefix.length) : name];
}

export function podMatchesScope({ scopeName, operator, values }: QuotaScope, { spec }: Pod): boolean {
  switch (scopeName) {
    case 'Terminating':
      return (spec.activeDeadlineSeconds ?? -1) >= 0;
    case 'NotTerminating':
      return spec.activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return podQosClass(spec) === 'BestEffort';
    case 'NotBestEffort':
      return podQosClass(spec) !== 'BestEffort';
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(spec);
    case 'PriorityClass':
      return matchesClass(spec.priorityClassName ?? '', operator, values ?? []);
    default:
      return false;
  }
}

function matchesClass(name: string, operator: string, values: readonly string[]): boolean {
  switch (operator) {
    case 'In':
      return name !== '' && values.includes(name);
    case 'NotIn':
      return name === '' || !values.includes(name);
    case 'DoesNotExist':
      return name === '';
    default:
      return name !== '';
  }
}

function crossesNamespaces({ affinity }: PodSpec): boolean {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].some((each) =>
    [
      ...(each?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(each?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
    ].some(({ namespaces, namespaceSelector }) => (namespaces?.length ?? 0) > 0 || namespaceSelector !== undefined),
  );
}

/** What a pod's runtime class adds to it: the overhead of the sandbox, and the nodes that have the runtime. */
import { compareQuantities } from '@slipway/api/quantity';
import { amountsOf } from '@slipway/api/pod-resources';
import type { Pod, RuntimeClass, Toleration } from '@slipway/api/types';
import { forbidden } from '../../registry/status-errors.ts';
import { sameJson } from '../../registry/same-json.ts';
import type { AdmissionPlugin } from '../plugin.ts';

export const runtimeClass: AdmissionPlugin = {
  name: 'RuntimeClass',
  on: [{ operations: ['CREATE'], group: '', resources: ['pods'] }],

  mutate({ draft, signal }, deps) {
    const pod = draft as Pod | undefined;
    const name = pod?.spec.runtimeClassName;
    if (!pod || !name) return;
    const found = deps.read('runtimeclasses', 'node.k8s.io', undefined, name);
    if (found) return complete(pod, found as RuntimeClass);
    return deps.readNewest('runtimeclasses', 'node.k8s.io', undefined, name, signal).then((newest) => {
      if (!newest) throw refuse(pod, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
      complete(pod, newest as RuntimeClass);
    });
  },

  validate({ draft }) {
    const pod = draft as Pod | undefined;
    if (!pod || pod.spec.runtimeClassName || !hasAny(pod.spec.overhead)) return;
    throw refuse(pod, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
  },
};

function complete(pod: Pod, { overhead, scheduling }: RuntimeClass): void {
  setOverhead(pod, overhead?.podFixed);
  if (!scheduling) return;
  const { spec } = pod;
  const merged: Record<string, string> = { ...spec.nodeSelector };
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    if (merged[key] !== undefined && merged[key] !== value) {
      throw refuse(
        pod,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${merged[key]}`,
      );
    }
    merged[key] = value;
  }
  if (Object.keys(merged).length > 0) spec.nodeSelector = merged;
  const tolerations = (scheduling.tolerations ?? []) as readonly Toleration[];
  const missing = tolerations.filter((wanted) => !spec.tolerations?.some((present) => sameJson(present, wanted)));
  if (missing.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...missing.map((each) => ({ ...each }))];
}

function setOverhead(pod: Pod, defined: Readonly<Record<string, string>> | undefined): void {
  if (!hasAny(defined)) {
    if (!hasAny(pod.spec.overhead)) return;
    throw refuse(pod, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
  }
  if (hasAny(pod.spec.overhead) && !sameAmounts(pod.spec.overhead, defined)) {
    throw refuse(pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  }
  pod.spec.overhead = { ...defined };
}

function hasAny(list: Readonly<Record<string, string>> | undefined): boolean {
  return list !== undefined && Object.keys(list).length > 0;
}

function sameAmounts(
  one: Readonly<Record<string, string>> | undefined,
  other: Readonly<Record<string, string>> | undefined,
): boolean {
  const [first, second] = [amountsOf(one), amountsOf(other)];
  if (first.size !== second.size) return false;
  return [...first].every(([name, amount]) => {
    const counterpart = second.get(name);
    return counterpart !== undefined && compareQuantities(amount, counterpart) === 0;
  });
}

function refuse({ metadata }: Pod, reason: string) {
  return forbidden({ group: '', resource: 'pods' }, metadata.name ?? '', reason);
}

/** What may change of a pod once it is there. Compares with the stored pod; the rules of pod-spec.ts hold besides. */
import { containersAnnotation } from '../container-terms.ts';
import { dnsSubdomainProblems, rangeMessage } from '../names.ts';
import { isRestarted } from '../restart-policy.ts';
import type { Container, Pod, PodSpec, Toleration } from '../types.ts';
import { differences } from './differences.ts';
import { type FieldError, forbidden, invalid, pushInvalid } from './field-error.ts';
import { semanticEqual } from './semantic-equal.ts';

const maxInt32 = 2 ** 31 - 1;
const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');
const mirrorAnnotation = 'kubernetes.io/config.mirror';

export function validatePodUpdate(errors: FieldError[], pod: Pod, old: Pod): void {
  validatePodAnnotationUpdate(errors, pod, old);
  for (const field of ['containers', 'initContainers'] as const) {
    if ((pod.spec[field]?.length ?? 0) === (old.spec[field]?.length ?? 0)) continue;
    errors.push(forbidden(`spec.${field}`, 'pod updates may not add or remove containers'));
    return;
  }
  if (!validateDeadline(errors, pod.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds)) return;
  validateAddedTolerations(errors, pod.spec.tolerations ?? [], old.spec.tolerations ?? []);
  validateRemovedGates(errors, pod.spec, old.spec);
  validateRest(errors, pod.spec, old.spec);
}

export function validatePodAnnotationUpdate(errors: FieldError[], pod: Pod, old: Pod): void {
  const annotation = ({ metadata }: Pod, name: string) => metadata.annotations?.[name];
  if (annotation(pod, containersAnnotation) !== annotation(old, containersAnnotation)) {
    // What a container is given was looked at when the pod was let in.
    errors.push(forbidden(`metadata.annotations[${containersAnnotation}]`, 'may not be changed once the pod is there'));
  }
  const [now, before] = [annotation(pod, mirrorAnnotation), annotation(old, mirrorAnnotation)];
  if (now === before) return;
  const detail =
    before === undefined ? 'may not add mirror pod annotation' : 'may not remove or update mirror pod annotation';
  errors.push(forbidden(`metadata.annotations[${mirrorAnnotation}]`, detail));
}

/** From none to some, and only ever shorter. */
function validateDeadline(errors: FieldError[], now: number | undefined, before: number | undefined): boolean {
  const path = 'spec.activeDeadlineSeconds';
  if (now === undefined) {
    if (before !== undefined) {
      errors.push(invalid(path, undefined, 'must not update from a positive integer to nil value'));
    }
    return true;
  }
  if (now < 0 || now > maxInt32) {
    errors.push(invalid(path, now, rangeMessage(0, maxInt32)));
    return false;
  }
  if (before !== undefined && before < now) {
    errors.push(invalid(path, now, 'must be less than or equal to previous value'));
    return false;
  }
  return true;
}

function validateAddedTolerations(
  errors: FieldError[],
  now: readonly Toleration[],
  before: readonly Toleration[],
): void {
  const withoutSeconds = ({ tolerationSeconds: _, ...rest }: Toleration) => rest;
  const isKept = (old: Toleration) => now.some((item) => semanticEqual(withoutSeconds(item), withoutSeconds(old)));
  if (!before.every(isKept)) {
    const detail = 'existing toleration can not be modified except its tolerationSeconds';
    errors.push(forbidden('spec.tolerations', detail));
  }
}

function validateRemovedGates(errors: FieldError[], spec: PodSpec, old: PodSpec): void {
  const before = new Set(old.schedulingGates?.map(({ name }) => name));
  spec.schedulingGates?.forEach(({ name }, i) => {
    if (before.has(name)) return;
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`;
    errors.push(forbidden(`spec.schedulingGates[${i}].name`, detail));
  });
}

/** What was checked above is made equal; what then still differs may not change. */
function validateRest(errors: FieldError[], spec: PodSpec, old: PodSpec): void {
  const now: PodSpec = {
    ...spec,
    containers: withImagesOf(spec.containers, old.containers) ?? [],
    initContainers: withImagesOf(spec.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    schedulingGates: old.schedulingGates,
    tolerations: old.tolerations,
  };
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    now.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
  }
  if (old.schedulingGates?.length) allowTightening(errors, now, old);
  if (semanticEqual(now, old)) return;
  const detail = `pod updates may not change fields other than ${updatable}\n${differences(now, old).join('\n')}`;
  errors.push(forbidden('spec', detail));
}

function withImagesOf(
  now: readonly Container[] | undefined,
  before: readonly Container[] | undefined,
): Container[] | undefined {
  return now?.map((container, i) => ({ ...container, image: before?.[i]?.image }));
}

/** A pod that is held back may still be told more about where it should go. */
function allowTightening(errors: FieldError[], now: PodSpec, old: PodSpec): void {
  for (const [key, value] of Object.entries(old.nodeSelector ?? {})) {
    if (now.nodeSelector?.[key] === value) continue;
    const detail = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    errors.push(invalid('spec.nodeSelector', now.nodeSelector ?? {}, detail));
    break;
  }
  now.nodeSelector = old.nodeSelector;
}

/** Of the status subresource. */
export function validatePodStatusUpdate(errors: FieldError[], pod: Pod, old: Pod): void {
  const { status = {} } = pod;
  if (pod.spec.nodeName !== old.spec.nodeName) {
    errors.push(forbidden('status.nodeName', 'may not be changed directly'));
  }
  const nominated = status.nominatedNodeName;
  if (nominated && nominated !== old.status?.nominatedNodeName) {
    pushInvalid(errors, 'status.nominatedNodeName', nominated, dnsSubdomainProblems(nominated));
  }
  if (status.qosClass !== old.status?.qosClass) {
    errors.push(invalid('status.qosClass', status.qosClass ?? '', 'field is immutable'));
  }
  validateTransitions(errors, pod, old, 'containerStatuses', old.spec.restartPolicy ?? 'Always');
  validateTransitions(errors, pod, old, 'initContainerStatuses', old.spec.restartPolicy ?? 'Always');
  validateTransitions(errors, pod, old, 'ephemeralContainerStatuses', 'Never');
}

type StatusList = 'containerStatuses' | 'initContainerStatuses' | 'ephemeralContainerStatuses';

/** What has ended and will not be restarted stays ended. */
function validateTransitions(errors: FieldError[], pod: Pod, old: Pod, field: StatusList, restartPolicy: string): void {
  if (restartPolicy === 'Always') return;
  old.status?.[field]?.forEach(({ name, state }, i) => {
    if (!state?.terminated || mayStartAgain(old.spec, name, restartPolicy, state.terminated.exitCode)) return;
    const now = pod.status?.[field]?.find((status) => status.name === name);
    if (now && !now.state?.terminated) {
      errors.push(forbidden(`status.${field}[${i}].state`, 'may not be transitioned to non-terminated state'));
    }
  });
}

/** By the container's own policy and rules where it has some, else by the pod's. */
function mayStartAgain(
  { containers, initContainers = [] }: PodSpec,
  name: string,
  podPolicy: string,
  exitCode: number,
) {
  const container = [...containers, ...initContainers].find((each) => each.name === name);
  if (!container) return podPolicy === 'OnFailure' && exitCode !== 0;
  return isRestarted(container, podPolicy, exitCode);
}

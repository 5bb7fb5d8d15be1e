/**
 * Rules of a pod's spec, in a Pod and in a template. Defaults have been filled in. The parts are in the files pod-spec-*.ts; this one shows
 * their order, which is the order of the errors.
 */
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems, rangeMessage } from '../names.ts';
import type { PodSpec, Volume } from '../types.ts';
import { type FieldError, duplicate, forbidden, invalid, notSupported, pushInvalid, required } from './field-error.ts';
import { validateLabels } from './object-meta.ts';
import { validateContainers, validateEphemeralContainers, validateInitContainers } from './pod-spec-containers.ts';
import { validateDnsConfig, validateHostAliases, validateHostNetwork } from './pod-spec-network.ts';
import { validatePodResources, validateResources } from './pod-spec-resources.ts';
import { validateAffinity, validateTolerations, validateTopologySpread } from './pod-spec-scheduling.ts';
import type { PodScope } from './pod-spec-scope.ts';
import { validatePodSecurityContext } from './pod-spec-security.ts';
import { validateVolumes } from './pod-spec-volumes.ts';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const preemptionPolicies = ['PreemptLowerPriority', 'Never'];
const maxInt32 = 2 ** 31 - 1;

export interface PodSpecPlace {
  /** The spec of a Pod, not of a template: stricter in a few places. */
  readonly isPod: boolean;
  /** Of the pod, where there is one. */
  readonly podName?: string | undefined;
}

export function validatePodSpec(errors: FieldError[], spec: PodSpec, path: string, place: PodSpecPlace): void {
  if (spec.terminationGracePeriodSeconds === undefined) {
    errors.push(required(`${path}.terminationGracePeriodSeconds`));
  }
  const volumes = (spec.volumes ?? []) as readonly Volume[];
  validateVolumes(errors, volumes, `${path}.volumes`, place.podName);
  const scope = scopeOf(spec, volumes, place);
  validateClaims(errors, spec, `${path}.resourceClaims`);
  validateContainers(errors, spec.containers ?? [], `${path}.containers`, scope);
  if (spec.initContainers) validateInitContainers(errors, spec, `${path}.initContainers`, scope);
  if (spec.ephemeralContainers) validateEphemeralContainers(errors, spec, `${path}.ephemeralContainers`, scope);
  if (spec.resources) validatePodResources(errors, spec, path, scope);
  validatePolicies(errors, spec, path);
  validateLabels(errors, spec.nodeSelector, `${path}.nodeSelector`);
  if (spec.securityContext) validatePodSecurityContext(errors, spec.securityContext, spec, `${path}.securityContext`);
  if (spec.affinity) validateAffinity(errors, spec.affinity, `${path}.affinity`);
  validateDnsConfig(errors, spec, `${path}.dnsConfig`);
  if (spec.hostNetwork) validateHostNetwork(errors, spec, path, place.isPod);
  validateGates(errors, spec, path);
  if (spec.topologySpreadConstraints) {
    validateTopologySpread(errors, spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`);
  }
  validateHostUsers(errors, spec, path);
  validateNames(errors, spec, path);
  if (spec.tolerations) validateTolerations(errors, spec.tolerations, `${path}.tolerations`);
  if (spec.hostAliases) validateHostAliases(errors, spec.hostAliases, `${path}.hostAliases`);
  if (spec.overhead) validateResources(errors, { limits: spec.overhead }, `${path}.overhead`, scope);
  if (spec.os) validateOs(errors, spec.os.name ?? '', `${path}.os`);
  if (place.isPod) validateOnlyOfPod(errors, spec, path);
}

function scopeOf(spec: PodSpec, volumes: readonly Volume[], { isPod }: PodSpecPlace): PodScope {
  return {
    isPod,
    volumes: new Map(volumes.map((volume) => [volume.name, volume])),
    claimNames: new Set((spec.resourceClaims ?? []).map(({ name }) => name)),
    gracePeriodSeconds: spec.terminationGracePeriodSeconds,
    restartPolicy: spec.restartPolicy ?? '',
    usesHostUsers: spec.hostUsers !== false,
  };
}

function validateClaims(errors: FieldError[], spec: PodSpec, path: string): void {
  const names = new Set<string>();
  spec.resourceClaims?.forEach(({ name, resourceClaimName, resourceClaimTemplateName }, i) => {
    const at = `${path}[${i}]`;
    if (!name) errors.push(required(`${at}.name`));
    else if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    else pushInvalid(errors, `${at}.name`, name, dnsLabelProblems(name));
    if (name) names.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const detail = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.push(invalid(at, spec.resourceClaims?.[i], detail));
    } else if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      const detail = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`';
      errors.push(invalid(at, spec.resourceClaims?.[i], detail));
    }
  });
}

function validatePolicies(errors: FieldError[], spec: PodSpec, path: string): void {
  validateChoice(errors, spec.restartPolicy, restartPolicies, `${path}.restartPolicy`);
  validateChoice(errors, spec.dnsPolicy, dnsPolicies, `${path}.dnsPolicy`);
  if (spec.preemptionPolicy !== undefined) {
    validateChoice(errors, spec.preemptionPolicy, preemptionPolicies, `${path}.preemptionPolicy`);
  }
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > maxInt32)) {
    errors.push(invalid(`${path}.activeDeadlineSeconds`, deadline, rangeMessage(1, maxInt32)));
  }
}

function validateChoice(
  errors: FieldError[],
  value: string | undefined,
  choices: readonly string[],
  path: string,
): void {
  if (!value) errors.push(required(path));
  else if (!choices.includes(value)) errors.push(notSupported(path, value, choices));
}

function validateGates(errors: FieldError[], spec: PodSpec, path: string): void {
  spec.readinessGates?.forEach(({ conditionType = '' }, i) => {
    const at = `${path}.readinessGates[${i}].conditionType`;
    pushInvalid(errors, at, conditionType, qualifiedNameProblems(conditionType));
  });
  const seen = new Set<string>();
  spec.schedulingGates?.forEach(({ name = '' }, i) => {
    const at = `${path}.schedulingGates[${i}]`;
    pushInvalid(errors, at, name, qualifiedNameProblems(name));
    if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
  });
}

function validateHostUsers(errors: FieldError[], spec: PodSpec, path: string): void {
  if (spec.hostUsers !== false) return;
  const detail = 'when `pod.Spec.HostUsers` is false';
  if (spec.hostNetwork) errors.push(forbidden(`${path}.hostNetwork`, detail));
  if (spec.hostPID) errors.push(forbidden(`${path}.HostPID`, detail));
  if (spec.hostIPC) errors.push(forbidden(`${path}.HostIPC`, detail));
}

function validateNames(errors: FieldError[], spec: PodSpec, path: string): void {
  for (const field of ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName'] as const) {
    const name = spec[field];
    if (name) pushInvalid(errors, `${path}.${field}`, name, dnsSubdomainProblems(name));
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const name = spec[field];
    if (name) pushInvalid(errors, `${path}.${field}`, name, dnsLabelProblems(name));
  }
}

function validateOs(errors: FieldError[], name: string, path: string): void {
  if (name === '') errors.push(required(`${path}.name`, 'cannot be empty'));
  else if (name !== 'linux' && name !== 'windows') errors.push(notSupported(path, name, ['linux', 'windows']));
}

function validateOnlyOfPod(errors: FieldError[], spec: PodSpec, path: string): void {
  if (!spec.serviceAccountName) {
    spec.volumes?.forEach(({ projected }, i) => {
      projected?.sources?.forEach(({ serviceAccountToken }, j) => {
        if (!serviceAccountToken) return;
        const at = `${path}.volumes[${i}].projected.sources[${j}].serviceAccountToken`;
        errors.push(forbidden(at, 'must not be specified when serviceAccountName is not set'));
      });
    });
  }
  if (spec.nodeName && spec.schedulingGates?.length) {
    errors.push(forbidden(`${path}.nodeName`, 'cannot be set until all schedulingGates have been cleared'));
  }
}

/**
 * The Pod Security Standards, as the labels of a namespace ask for them: pods that violate the enforced level are refused; pods and
 * workloads that violate the level of warnings are warned about. Audit has no log to write to yet.
 */
import type { CronJob, Deployment, KubeObject, Pod, PodTemplate } from '@slipway/api/types';
import { invalidError } from '@slipway/api/validation/field-error';
import { resourcePrefix } from '../../registry/resource-context.ts';
import { sameJson } from '../../registry/same-json.ts';
import { forbidden } from '../../registry/status-errors.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionWrite } from '../plugin.ts';
import type { PodToCheck } from '../pod-security/check.ts';
import { violationsOf, violationsText } from '../pod-security/evaluate.ts';
import { isAtMost, labelErrors, levelVersionText, type Policy, policyOf } from '../pod-security/policy.ts';

const workloads: Readonly<Record<string, readonly string[]>> = {
  '': ['podtemplates', 'replicationcontrollers'],
  apps: ['daemonsets', 'deployments', 'replicasets', 'statefulsets'],
  batch: ['cronjobs', 'jobs'],
};

export const podSecurity: AdmissionPlugin = {
  name: 'PodSecurity',
  on: [
    { operations: ['CREATE', 'UPDATE'], group: '', resources: ['pods', 'pods/ephemeralcontainers', 'namespaces'] },
    ...Object.entries(workloads).map(([group, resources]) => ({
      operations: ['CREATE', 'UPDATE'] as const,
      group,
      resources,
    })),
  ],

  validate(write, deps) {
    const { draft, old, request } = write;
    if (!draft) return;
    const { resource } = request.api;
    if (resource === 'namespaces') return checkNamespace(write, deps);
    const labels = deps.read('namespaces', '', undefined, request.namespace ?? '')?.metadata.labels;
    const policy = policyOf(labels);
    if (policy.enforce.level === 'privileged' && policy.warn.level === 'privileged') return;
    if (resource === 'pods') {
      if (old && !isSignificantUpdate(draft as Pod, old as Pod)) return;
      checkPod(draft as Pod, policy, write);
      return;
    }
    const template = templateOf(draft);
    if (template?.spec) warn({ metadata: template.metadata ?? {}, spec: template.spec }, policy, write);
  },
};

function checkPod(pod: Pod, policy: Policy, write: AdmissionWrite): void {
  const violations = violationsOf(pod, policy.enforce);
  if (violations.length === 0) {
    warn(pod, policy, write);
    return;
  }
  const level = JSON.stringify(levelVersionText(policy.enforce));
  throw forbidden(
    { group: '', resource: 'pods' },
    pod.metadata.name ?? '',
    `violates PodSecurity ${level}: ${violationsText(violations)}`,
  );
}

function warn(pod: PodToCheck, policy: Policy, { warnings }: AdmissionWrite): void {
  const violations = violationsOf(pod, policy.warn);
  if (violations.length === 0) return;
  const level = JSON.stringify(levelVersionText(policy.warn));
  warnings.push(`would violate PodSecurity ${level}: ${violationsText(violations)}`);
}

/** Of what an update of a pod can change, this is all that the standards look at. */
function isSignificantUpdate(pod: Pod, old: Pod): boolean {
  return (
    !sameJson(securityAnnotations(pod), securityAnnotations(old)) ||
    (pod.spec.ephemeralContainers?.length ?? 0) !== (old.spec.ephemeralContainers?.length ?? 0)
  );
}

function securityAnnotations({ metadata }: Pod): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(
      ([name]) => name.includes('seccomp.security.') || name.includes('apparmor.security.'),
    ),
  );
}

function templateOf(object: KubeObject): PodTemplate['template'] {
  switch (object.kind) {
    case 'PodTemplate':
      return (object as PodTemplate).template;
    case 'CronJob':
      return (object as CronJob).spec.jobTemplate?.spec?.template;
    default:
      return (object as Deployment).spec?.template;
  }
}

/** Labels that nobody can read are refused; whoever makes a namespace stricter hears which of its pods would not be let in now. */
function checkNamespace({ draft, old, warnings }: AdmissionWrite, deps: AdmissionDeps): void {
  const labels = draft?.metadata.labels;
  const before = old?.metadata.labels;
  if (!draft || sameJson(labels ?? {}, before ?? {})) return;
  const errors = labelErrors(labels);
  const { name = '' } = draft.metadata;
  // A namespace whose labels were wrong already stays changeable in everything else.
  if (errors.length > labelErrors(before).length || (!old && errors.length > 0)) {
    throw invalidError('Namespace', '', name, errors);
  }
  if (!old) return;
  const { enforce } = policyOf(labels);
  const former = policyOf(before).enforce;
  const isStricter = enforce.minor !== former.minor || !isAtMost(enforce.level, former.level);
  if (enforce.level === 'privileged' || !isStricter) return;
  warnings.push(...existingViolations(name, enforce, deps));
}

/** As upstream: a namespace with more pods is not looked through to its end. */
const podsLookedAtMax = 3000;

function existingViolations(namespace: string, enforce: Policy['enforce'], { objects }: AdmissionDeps): string[] {
  const podsByViolation = new Map<string, string[]>();
  let looked = 0;
  for (const { object } of objects.cachedList(`${resourcePrefix({ group: '', resource: 'pods' })}${namespace}/`)) {
    if (++looked > podsLookedAtMax) break;
    const violations = violationsOf(object as Pod, enforce);
    if (violations.length === 0) continue;
    // Without the details, which name containers: pods of one workload are told of together.
    const reasons = violations.map(({ reason }) => reason).join(', ');
    podsByViolation.set(reasons, [...(podsByViolation.get(reasons) ?? []), object.metadata.name ?? '']);
  }
  if (podsByViolation.size === 0) return [];
  const level = JSON.stringify(levelVersionText(enforce));
  const head = `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${level}`;
  const lines = [...podsByViolation].map(([reasons, [first = '', ...others]]) => {
    const more = others.length === 0 ? '' : ` (and ${others.length} other pod${others.length === 1 ? '' : 's'})`;
    return `${first}${more}: ${reasons}`;
  });
  return [head, ...lines.sort()];
}

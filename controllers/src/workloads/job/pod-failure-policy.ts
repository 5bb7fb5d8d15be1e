/** Which rule of a job's policy a failed pod meets, and what follows. The first rule that fits decides. */
import type { ContainerStatus, Job, Pod, PodFailurePolicyRule } from '@slipway/api/types';

export interface Verdict {
  /** Undefined when no rule fits: the failure counts as without a policy. */
  readonly action: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count' | undefined;
  /** Of FailJob: what the job's condition says. */
  readonly message: string;
}

const noRule: Verdict = { action: undefined, message: '' };

export function judge(pod: Pod, { spec }: Job): Verdict {
  const rules = spec.podFailurePolicy?.rules ?? [];
  for (const [at, rule] of rules.entries()) {
    const what = matching(rule, pod);
    if (what === undefined) continue;
    return {
      action: rule.action as Verdict['action'],
      message: `${what} matching ${rule.action} rule at index ${at}`,
    };
  }
  return noRule;
}

/** Whether a failure counts towards the limits. */
export function isCounted(pod: Pod, job: Job): boolean {
  return judge(pod, job).action !== 'Ignore';
}

function matching({ onExitCodes, onPodConditions }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const { namespace, name } = pod.metadata;
  if (onExitCodes) {
    const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
    const found = [...containerStatuses, ...initContainerStatuses].find((status) => fits(status, onExitCodes));
    if (!found) return undefined;
    return `Container ${found.name} for pod ${namespace}/${name} failed with exit code ${found.state?.terminated?.exitCode}`;
  }
  const condition = pod.status?.conditions?.find(({ type, status }) =>
    onPodConditions?.some((pattern) => pattern.type === type && (pattern.status ?? 'True') === status),
  );
  return condition && `Pod ${namespace}/${name} has condition ${condition.type}`;
}

function fits(
  { name, state }: ContainerStatus,
  { containerName, operator, values }: NonNullable<PodFailurePolicyRule['onExitCodes']>,
): boolean {
  const exitCode = state?.terminated?.exitCode ?? 0;
  if (exitCode === 0 || (containerName !== undefined && containerName !== name)) return false;
  return values.includes(exitCode) === (operator === 'In');
}

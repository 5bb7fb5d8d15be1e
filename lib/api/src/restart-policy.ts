import type { Container } from './types.ts';

/**
 * Whether a container that ended is started again: the first of its `restartPolicyRules` that fits says so, else its own `restartPolicy`,
 * else the pod's. For containers that the pod is for; init containers and sidecars have rules of their own in addition.
 */
export function isRestarted(
  { restartPolicy, restartPolicyRules = [] }: Pick<Container, 'restartPolicy' | 'restartPolicyRules'>,
  podPolicy: string | undefined,
  exitCode: number | undefined,
): boolean {
  for (const { action, exitCodes } of restartPolicyRules) {
    if (action !== 'Restart' || !exitCodes || exitCode === undefined) continue;
    if ((exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === 'In')) return true;
  }
  const policy = restartPolicy ?? podPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

import { isRestarted } from './restart-policy.ts';

const on = (operator: string, ...values: number[]) => [{ action: 'Restart', exitCodes: { operator, values } }];

describe('isRestarted', () => {
  it.each([
    [{}, undefined, 0, true],
    [{}, 'OnFailure', 0, false],
    [{}, 'OnFailure', 1, true],
    [{}, 'Never', 1, false],
    [{ restartPolicy: 'Always' }, 'Never', 0, true],
    [{ restartPolicy: 'Never' }, 'Always', 1, false],
    [{ restartPolicy: 'Never', restartPolicyRules: on('In', 42) }, 'Always', 42, true],
    [{ restartPolicy: 'Never', restartPolicyRules: on('In', 42) }, 'Always', 1, false],
    [{ restartPolicy: 'Never', restartPolicyRules: on('NotIn', 0) }, 'Never', 1, true],
    [{ restartPolicy: 'Never', restartPolicyRules: on('NotIn', 0) }, 'Never', 0, false],
  ])('of %j in a pod with %s that exited with %d: %s', (container, podPolicy, exitCode, expected) => {
    expect(isRestarted(container, podPolicy, exitCode)).toBe(expected);
  });
});

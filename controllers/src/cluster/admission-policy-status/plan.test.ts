import type { ValidatingAdmissionPolicy } from '@slipway/api/types';
import { planPolicyStatus } from './plan.ts';

const policy = (generation: number, observedGeneration?: number) =>
  ({ metadata: { generation }, spec: {}, status: { observedGeneration } }) as ValidatingAdmissionPolicy;

describe('planPolicyStatus', () => {
  it('says which generation was looked at, once', () => {
    expect(planPolicyStatus(policy(2, 1)).status).toEqual({ observedGeneration: 2, typeChecking: {} });
    expect(planPolicyStatus(policy(2, 2)).status).toBe('unchanged');
  });
});

import type { NetworkPolicy, NetworkPolicySpec, Pod } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import type { Host } from '@slipway/cni';
import { neverAborted } from '@slipway/kit/abort';
import { silentLogger } from '@slipway/kit/logger';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { NetworkPolicies } from './network-policies.ts';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'ns', uid: 'uid-web', labels: { app: 'web' } },
  spec: { containers: [{ name: 'c' }] },
  status: { phase: 'Pending' },
};
const attachment = { pod: { name: 'web', namespace: 'ns', uid: 'uid-web' }, sandboxId: 's', ips: ['10.64.0.2'] };
const aPolicy = (spec: Partial<NetworkPolicySpec>): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'policy', namespace: 'ns', uid: 'uid-policy' },
  spec: { podSelector: {}, policyTypes: ['Ingress'], ...spec },
});

describe('a new pod', () => {
  const stop = new AbortController();
  const clock = new VirtualClock();
  let scripts: string[];
  let refusal: Error | undefined;

  /** Protects the pod while the policies run; answers what is thrown after the longest wait. */
  async function protect(policies: readonly NetworkPolicy[] | undefined): Promise<string> {
    scripts = [];
    const host = {
      nftList: async () => undefined,
      nft: async (script: string) => {
        if (refusal) throw refusal;
        scripts.push(script);
      },
    } as unknown as Host;
    const pods = new ObjectCache<Pod>();
    const networkPolicies = new ObjectCache<NetworkPolicy>();
    const watch = () => () => new Promise<void>(() => {});
    const parts = { host, clock, log: silentLogger, pods, networkPolicies, watch };
    const subject = new NetworkPolicies(parts, { clusterId: 'test' });
    pods.replace([pod], 1n);
    if (policies) networkPolicies.replace(policies, 1n);
    void subject.run(stop.signal);
    let outcome = 'waits';
    subject.protect(attachment, neverAborted).then(
      () => {
        outcome = 'is protected';
      },
      (error: Error) => {
        outcome = error.message;
      },
    );
    await clock.advance(14_000);
    if (outcome === 'waits') await clock.advance(2_000);
    return outcome;
  }

  beforeEach(() => {
    refusal = undefined;
  });
  afterAll(() => stop.abort());

  it('is there at once when no policy selects it', async () => {
    expect(await protect([aPolicy({ podSelector: { matchLabels: { app: 'db' } } })])).toBe('is protected');
    expect(scripts.join('')).not.toContain('10.64.0.2');
  });

  it('has its rules before its address is known to the API', async () => {
    expect(await protect([aPolicy({})])).toBe('is protected');
    expect(scripts.join('')).toMatch(/add element inet slipway-test-policy ingress4 \{ 10\.64\.0\.2 /);
  });

  const failure = (why: string) => `network policies of the pod are not in force after 15 s: ${why}`;

  it('is refused, with the reason, while policies are not known', async () => {
    expect(await protect(undefined)).toBe(failure('the pod or its policies are not known'));
  });

  it('is refused while the peers of its policies are not known', async () => {
    const policy = aPolicy({ ingress: [{ from: [{ podSelector: {} }] }] });
    expect(await protect([policy])).toBe(failure("the cluster's pods are not known"));
    expect(scripts.join('')).not.toContain('10.64.0.2');
  });

  it('is refused when the kernel refuses its rules', async () => {
    refusal = new Error('change the nftables ruleset: Operation not supported');
    expect(await protect([aPolicy({})])).toBe(failure(refusal.message));
  });
});

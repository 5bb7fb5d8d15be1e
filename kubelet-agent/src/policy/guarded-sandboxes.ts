import { neverAborted } from '@slipway/kit/abort';
import type { SandboxNetwork, SandboxNetworkRequest } from '../runtime/local/sandbox-network.ts';
import type { NetworkPolicies } from './network-policies.ts';
import type { SourceGuard } from './source-guard.ts';

export interface PodProtection {
  readonly policies: Pick<NetworkPolicies, 'protect' | 'release'>;
  readonly sources: Pick<SourceGuard, 'add' | 'remove'>;
}

/**
 * A network whose pods are protected before their first container starts. `protection` is undefined as long as no agent runs that
 * knows policies: below an agent of others they are theirs.
 */
export function guardSandboxes(
  network: SandboxNetwork,
  protection: () => PodProtection | undefined,
  interfaceOf: (sandboxId: string) => string,
): SandboxNetwork {
  const giveBack = async (request: SandboxNetworkRequest, signal: AbortSignal) => {
    await network.tearDown(request, signal);
    const { policies, sources } = protection() ?? {};
    policies?.release(request);
    await sources?.remove(interfaceOf(request.sandboxId), signal);
  };
  return {
    problem: (signal) => network.problem(signal),
    tearDown: giveBack,
    async setUp(request, signal) {
      const status = await network.setUp(request, signal);
      const { policies, sources } = protection() ?? {};
      try {
        // Without an address of ours it uses others, or none: a network of layer 2.
        if (status.ips.length > 0) {
          const { namespace, name } = request.pod;
          await sources?.add(interfaceOf(request.sandboxId), status.ips, `${namespace}/${name}`, signal);
        }
        await policies?.protect({ ...request, ips: status.ips }, signal);
      } catch (error) {
        await giveBack(request, neverAborted);
        throw error;
      }
      return status;
    },
  };
}

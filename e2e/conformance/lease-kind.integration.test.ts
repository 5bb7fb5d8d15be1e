/** Leases: who holds what, and how its holder is chosen. */
import { describeKind } from './kind-rules.ts';
import { useTarget } from './target.ts';

describeKind(useTarget(), {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  resource: 'leases',
  minimal: { spec: { holderIdentity: 'somebody' } },
  refused: [
    [{ spec: { leaseDurationSeconds: 0 } }, 'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
    [
      { spec: { leaseTransitions: -1 } },
      'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      { spec: { strategy: 'Youngest' } },
      'spec.strategy.strategy: Unsupported value: "Youngest": supported values: "OldestEmulationVersion"',
    ],
    [
      { spec: { strategy: 'A/B' } },
      'spec.strategy.strategy: Invalid value: "A/B": prefix part a lowercase RFC 1123 subdomain',
    ],
    [
      { spec: { preferredHolder: 'me' } },
      'spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined',
    ],
  ],
  changes: [
    { spec: { strategy: 'OldestEmulationVersion', preferredHolder: 'me' } },
    { spec: { strategy: 'example.com/Mine' } },
  ],
  columns: ['Name', 'Holder', 'Age'],
});

/** Every admission plugin, in the order in which they are asked: upstream's order. */
import type { AdmissionPlugin } from './plugin.ts';
import { defaultTolerationSeconds } from './plugins/default-toleration-seconds.ts';
import { namespaceLifecycle } from './plugins/namespace-lifecycle.ts';
import { nodeRestriction } from './plugins/node-restriction.ts';
import { roleEscalation } from './plugins/role-escalation.ts';
import { serviceAccount } from './plugins/service-account.ts';

export const pluginChain: readonly AdmissionPlugin[] = [
  namespaceLifecycle,
  serviceAccount,
  nodeRestriction,
  defaultTolerationSeconds,
  roleEscalation,
];

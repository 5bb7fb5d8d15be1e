/** Every admission plugin, in the order in which they are asked: upstream's order. */
import type { AdmissionPlugin } from './plugin.ts';
import { validatingAdmissionPolicies } from './plugins/validating-admission-policies.ts';
import { validatingWebhooks } from './plugins/validating-webhooks.ts';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './plugins/certificates.ts';
import { defaultIngressClass } from './plugins/default-ingress-class.ts';
import { defaultStorageClass } from './plugins/default-storage-class.ts';
import { defaultTolerationSeconds } from './plugins/default-toleration-seconds.ts';
import { ecsFields } from './plugins/ecs-fields.ts';
import { limitRanger } from './plugins/limit-ranger.ts';
import { admissionExpressions } from './plugins/admission-expressions.ts';
import { mutatingAdmissionPolicies } from './plugins/mutating-admission-policies.ts';
import { mutatingWebhooks } from './plugins/mutating-webhooks.ts';
import { namespaceLifecycle } from './plugins/namespace-lifecycle.ts';
import { nodeRestriction } from './plugins/node-restriction/node-restriction.ts';
import { ownerReferencesPermissionEnforcement } from './plugins/owner-references.ts';
import { persistentVolumeClaimResize } from './plugins/persistent-volume-claim-resize.ts';
import { podSecurity } from './plugins/pod-security.ts';
import { priority } from './plugins/priority.ts';
import { resourceQuota } from './plugins/resource-quota.ts';
import { roleEscalation } from './plugins/role-escalation.ts';
import { runtimeClass } from './plugins/runtime-class.ts';
import { serviceAccount } from './plugins/service-account.ts';
import { storageObjectInUseProtection } from './plugins/storage-object-in-use-protection.ts';
import { taintNodesByCondition } from './plugins/taint-nodes-by-condition.ts';

export const pluginChain: readonly AdmissionPlugin[] = [
  namespaceLifecycle,
  limitRanger,
  serviceAccount,
  nodeRestriction,
  taintNodesByCondition,
  podSecurity,
  priority,
  defaultTolerationSeconds,
  defaultStorageClass,
  storageObjectInUseProtection,
  ownerReferencesPermissionEnforcement,
  persistentVolumeClaimResize,
  runtimeClass,
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  roleEscalation,
  defaultIngressClass,
  admissionExpressions,
  ecsFields,
  mutatingAdmissionPolicies,
  mutatingWebhooks,
  validatingAdmissionPolicies,
  validatingWebhooks,
  // The last: what anybody else refuses is not charged.
  resourceQuota,
];

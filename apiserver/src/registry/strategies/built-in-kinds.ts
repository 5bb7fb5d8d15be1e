/** The kinds that this server knows from the start. Adding one is a file beside this one and a line here. */
import type { KubeObject } from '@slipway/api/types';
import type { ServiceAllocators } from '../allocators/service-allocators.ts';
import type { Strategy } from '../strategy.ts';
import { certificateSigningRequestStrategy } from './access/certificate-signing-request.ts';
import { clusterRoleStrategy } from './access/cluster-role.ts';
import { clusterRoleBindingStrategy } from './access/cluster-role-binding.ts';
import { apiServiceStrategy } from './cluster/api-service.ts';
import { componentStatusStrategy } from './cluster/component-status.ts';
import { configMapStrategy } from './cluster/config-map.ts';
import { deploymentStrategy } from './workloads/deployment.ts';
import { endpointSliceStrategy } from './network/endpoint-slice.ts';
import { eventStrategy } from './cluster/event.ts';
import { leaseStrategy } from './cluster/lease.ts';
import { namespaceStrategy } from './cluster/namespace.ts';
import { nodeStrategy } from './cluster/node.ts';
import { podStrategy } from './workloads/pod.ts';
import { replicaSetStrategy } from './workloads/replica-set.ts';
import { roleStrategy } from './access/role.ts';
import { roleBindingStrategy } from './access/role-binding.ts';
import { secretStrategy } from './cluster/secret.ts';
import { createServiceStrategy } from './network/service.ts';
import { serviceAccountStrategy } from './access/service-account.ts';
import { limitRangeStrategy } from './policy/limit-range.ts';
import { priorityClassStrategy } from './policy/priority-class.ts';
import { resourceQuotaStrategy } from './policy/resource-quota.ts';
import { runtimeClassStrategy } from './policy/runtime-class.ts';
import {
  mutatingAdmissionPolicyBindingStrategy,
  mutatingAdmissionPolicyStrategy,
  validatingAdmissionPolicyBindingStrategy,
  validatingAdmissionPolicyStrategy,
} from './admission/admission-policies.ts';
import {
  mutatingWebhookConfigurationStrategy,
  validatingWebhookConfigurationStrategy,
} from './admission/webhook-configurations.ts';
import { deviceClassStrategy } from './devices/device-class.ts';
import { resourceClaimStrategy } from './devices/resource-claim.ts';
import { resourceClaimTemplateStrategy } from './devices/resource-claim-template.ts';
import { resourceSliceStrategy } from './devices/resource-slice.ts';
import { flowSchemaStrategy } from './flow-control/flow-schema.ts';
import { priorityLevelConfigurationStrategy } from './flow-control/priority-level-configuration.ts';
import { endpointsStrategy } from './network/endpoints.ts';
import { ingressStrategy } from './network/ingress.ts';
import { ingressClassStrategy } from './network/ingress-class.ts';
import { ipAddressStrategy } from './network/ip-address.ts';
import { networkPolicyStrategy } from './network/network-policy.ts';
import { serviceCidrStrategy } from './network/service-cidr.ts';
import { csiDriverStrategy } from './storage/csi-driver.ts';
import { csiNodeStrategy } from './storage/csi-node.ts';
import { csiStorageCapacityStrategy } from './storage/csi-storage-capacity.ts';
import { persistentVolumeStrategy } from './storage/persistent-volume.ts';
import { persistentVolumeClaimStrategy } from './storage/persistent-volume-claim.ts';
import { storageClassStrategy } from './storage/storage-class.ts';
import { volumeAttachmentStrategy } from './storage/volume-attachment.ts';
import { volumeAttributesClassStrategy } from './storage/volume-attributes-class.ts';
import { controllerRevisionStrategy } from './workloads/controller-revision.ts';
import { cronJobStrategy } from './workloads/cron-job.ts';
import { daemonSetStrategy } from './workloads/daemon-set.ts';
import { horizontalPodAutoscalerStrategy } from './workloads/horizontal-pod-autoscaler.ts';
import { jobStrategy } from './workloads/job.ts';
import { podDisruptionBudgetStrategy } from './workloads/pod-disruption-budget.ts';
import { podTemplateStrategy } from './workloads/pod-template.ts';
import { replicationControllerStrategy } from './workloads/replication-controller.ts';
import { statefulSetStrategy } from './workloads/stateful-set.ts';

export interface BuiltInStrategyDeps {
  /** Restored from the stored Services before the first request. */
  readonly allocators: ServiceAllocators;
  readonly eventTtlMs: number;
}

export function createBuiltInStrategies({ allocators, eventTtlMs }: BuiltInStrategyDeps): readonly Strategy[] {
  return [
    ofAnyKind(namespaceStrategy),
    ofAnyKind(nodeStrategy),
    ofAnyKind(apiServiceStrategy),
    ofAnyKind(componentStatusStrategy),
    ofAnyKind(podStrategy),
    ofAnyKind(createServiceStrategy(allocators)),
    ofAnyKind(endpointSliceStrategy),
    ofAnyKind(endpointsStrategy),
    ofAnyKind(ingressStrategy),
    ofAnyKind(ingressClassStrategy),
    ofAnyKind(ipAddressStrategy),
    ofAnyKind(networkPolicyStrategy),
    ofAnyKind(serviceCidrStrategy),
    ofAnyKind(configMapStrategy),
    ofAnyKind(secretStrategy),
    ofAnyKind(serviceAccountStrategy),
    ofAnyKind({ ...eventStrategy, ttlMs: eventTtlMs }),
    ofAnyKind(leaseStrategy),
    ofAnyKind(deploymentStrategy),
    ofAnyKind(replicaSetStrategy),
    ofAnyKind(statefulSetStrategy),
    ofAnyKind(daemonSetStrategy),
    ofAnyKind(controllerRevisionStrategy),
    ofAnyKind(jobStrategy),
    ofAnyKind(cronJobStrategy),
    ofAnyKind(replicationControllerStrategy),
    ofAnyKind(podTemplateStrategy),
    ofAnyKind(podDisruptionBudgetStrategy),
    ofAnyKind(horizontalPodAutoscalerStrategy),
    ofAnyKind(limitRangeStrategy),
    ofAnyKind(priorityClassStrategy),
    ofAnyKind(resourceQuotaStrategy),
    ofAnyKind(runtimeClassStrategy),
    ofAnyKind(csiDriverStrategy),
    ofAnyKind(csiNodeStrategy),
    ofAnyKind(csiStorageCapacityStrategy),
    ofAnyKind(persistentVolumeStrategy),
    ofAnyKind(persistentVolumeClaimStrategy),
    ofAnyKind(storageClassStrategy),
    ofAnyKind(volumeAttachmentStrategy),
    ofAnyKind(volumeAttributesClassStrategy),
    ofAnyKind(deviceClassStrategy),
    ofAnyKind(resourceClaimStrategy),
    ofAnyKind(resourceClaimTemplateStrategy),
    ofAnyKind(resourceSliceStrategy),
    ofAnyKind(flowSchemaStrategy),
    ofAnyKind(priorityLevelConfigurationStrategy),
    ofAnyKind(mutatingWebhookConfigurationStrategy),
    ofAnyKind(validatingWebhookConfigurationStrategy),
    ofAnyKind(validatingAdmissionPolicyStrategy),
    ofAnyKind(validatingAdmissionPolicyBindingStrategy),
    ofAnyKind(mutatingAdmissionPolicyStrategy),
    ofAnyKind(mutatingAdmissionPolicyBindingStrategy),
    ofAnyKind(roleStrategy),
    ofAnyKind(clusterRoleStrategy),
    ofAnyKind(roleBindingStrategy),
    ofAnyKind(clusterRoleBindingStrategy),
    ofAnyKind(certificateSigningRequestStrategy),
  ];
}

/** The store hands a strategy objects of its own resource and no others, which the types cannot say. */
function ofAnyKind<T extends KubeObject>(strategy: Strategy<T>): Strategy {
  return strategy as unknown as Strategy;
}

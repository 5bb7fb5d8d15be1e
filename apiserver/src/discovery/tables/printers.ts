import { date, definePrinter, type Printer } from './printer.ts';
import { nameOf } from './cells.ts';
import * as cluster from './cluster-printers.ts';
import * as device from './device-printers.ts';
import * as flow from './flow-control-printers.ts';
import * as network from './network-printers.ts';
import { podPrinter } from './pod-printer.ts';
import * as storage from './storage-printers.ts';
import * as workload from './workload-printers.ts';

/** Kinds without columns of their own. */
export const defaultPrinter: Printer = definePrinter(['Name', date('Created At')], (object) => [
  nameOf(object),
  object.metadata.creationTimestamp ?? '',
]);

/** The printer of a kind, whatever version of it travels. */
export function printerOf({ group, kind }: { readonly group: string; readonly kind: string }): Printer {
  return printers[`${kind}.${group}`] ?? defaultPrinter;
}

/** By kind and group, as in `Deployment.apps`; the core group is empty. */
export const printers: Readonly<Record<string, Printer>> = {
  'Pod.': podPrinter,
  'PodTemplate.': workload.podTemplatePrinter,
  'ReplicationController.': workload.replicationControllerPrinter,
  'Deployment.apps': workload.deploymentPrinter,
  'ReplicaSet.apps': workload.replicaSetPrinter,
  'StatefulSet.apps': workload.statefulSetPrinter,
  'DaemonSet.apps': workload.daemonSetPrinter,
  'ControllerRevision.apps': workload.controllerRevisionPrinter,
  'Job.batch': workload.jobPrinter,
  'CronJob.batch': workload.cronJobPrinter,
  'HorizontalPodAutoscaler.autoscaling': workload.horizontalPodAutoscalerPrinter,
  'Scale.autoscaling': workload.scalePrinter,
  'PodDisruptionBudget.policy': workload.podDisruptionBudgetPrinter,

  'Service.': network.servicePrinter,
  'Endpoints.': network.endpointsPrinter,
  'EndpointSlice.discovery.k8s.io': network.endpointSlicePrinter,
  'Ingress.networking.k8s.io': network.ingressPrinter,
  'IngressClass.networking.k8s.io': network.ingressClassPrinter,
  'NetworkPolicy.networking.k8s.io': network.networkPolicyPrinter,
  'ServiceCIDR.networking.k8s.io': network.serviceCidrPrinter,
  'IPAddress.networking.k8s.io': network.ipAddressPrinter,

  'Node.': cluster.nodePrinter,
  'Namespace.': cluster.namespacePrinter,
  'ConfigMap.': cluster.configMapPrinter,
  'Secret.': cluster.secretPrinter,
  'ServiceAccount.': cluster.serviceAccountPrinter,
  'Event.': cluster.eventPrinter,
  'Event.events.k8s.io': cluster.eventsV1EventPrinter,
  'ResourceQuota.': cluster.resourceQuotaPrinter,
  'ComponentStatus.': cluster.componentStatusPrinter,
  'Lease.coordination.k8s.io': cluster.leasePrinter,
  'RoleBinding.rbac.authorization.k8s.io': cluster.roleBindingPrinter,
  'ClusterRoleBinding.rbac.authorization.k8s.io': cluster.roleBindingPrinter,
  'PriorityClass.scheduling.k8s.io': cluster.priorityClassPrinter,
  'RuntimeClass.node.k8s.io': cluster.runtimeClassPrinter,
  'CertificateSigningRequest.certificates.k8s.io': cluster.certificateSigningRequestPrinter,
  'MutatingWebhookConfiguration.admissionregistration.k8s.io': cluster.webhookConfigurationPrinter,
  'ValidatingWebhookConfiguration.admissionregistration.k8s.io': cluster.webhookConfigurationPrinter,
  'ValidatingAdmissionPolicy.admissionregistration.k8s.io': cluster.validatingAdmissionPolicyPrinter,
  'ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io': cluster.validatingAdmissionPolicyBindingPrinter,
  'APIService.apiregistration.k8s.io': cluster.apiServicePrinter,

  'FlowSchema.flowcontrol.apiserver.k8s.io': flow.flowSchemaPrinter,
  'PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io': flow.priorityLevelPrinter,
  'DeviceClass.resource.k8s.io': device.deviceClassPrinter,
  'ResourceClaim.resource.k8s.io': device.resourceClaimPrinter,
  'ResourceClaimTemplate.resource.k8s.io': device.resourceClaimTemplatePrinter,
  'ResourceSlice.resource.k8s.io': device.resourceSlicePrinter,

  'PersistentVolume.': storage.persistentVolumePrinter,
  'PersistentVolumeClaim.': storage.persistentVolumeClaimPrinter,
  'StorageClass.storage.k8s.io': storage.storageClassPrinter,
  'VolumeAttributesClass.storage.k8s.io': storage.volumeAttributesClassPrinter,
  'VolumeAttachment.storage.k8s.io': storage.volumeAttachmentPrinter,
  'CSINode.storage.k8s.io': storage.csiNodePrinter,
  'CSIDriver.storage.k8s.io': storage.csiDriverPrinter,
  'CSIStorageCapacity.storage.k8s.io': storage.csiStorageCapacityPrinter,
};

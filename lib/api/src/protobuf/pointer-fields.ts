/**
 * Scalar fields that are pointers in Go, by group and message. Only these can say "zero" or "empty" in protobuf: Go writes every other
 * scalar always, so that there a zero means "not given". (The name of EphemeralContainerCommon is required instead: that message has no
 * schema that would say so. The counts of StatefulSetStatus and PodDisruptionBudgetStatus are no pointers; their JSON shows them always.)
 */
const table = `
admissionregistration.MatchResources matchPolicy
admissionregistration.MutatingWebhook timeoutSeconds failurePolicy matchPolicy reinvocationPolicy sideEffects
admissionregistration.ParamRef parameterNotFoundAction
admissionregistration.Rule scope
admissionregistration.ServiceReference port path
admissionregistration.ValidatingWebhook timeoutSeconds failurePolicy matchPolicy sideEffects
admissionregistration.Validation reason
admissionregistration.WebhookClientConfig url
apiextensions.CustomResourceDefinitionVersion deprecationWarning
apiextensions.CustomResourceSubresourceScale labelSelectorPath
apiextensions.JSONSchemaProps maximum minimum maxLength minLength maxItems minItems multipleOf maxProperties minProperties $ref
apiextensions.JSONSchemaProps x-kubernetes-preserve-unknown-fields x-kubernetes-list-type x-kubernetes-map-type
apiextensions.ServiceReference port path
apiextensions.ValidationRule reason optionalOldSelf
apiextensions.WebhookClientConfig url
apiregistration.ServiceReference port
apps.DaemonSetSpec revisionHistoryLimit
apps.DaemonSetStatus collisionCount
apps.DeploymentSpec replicas revisionHistoryLimit progressDeadlineSeconds
apps.DeploymentStatus collisionCount terminatingReplicas
apps.ReplicaSetSpec replicas
apps.ReplicaSetStatus terminatingReplicas
apps.RollingUpdateStatefulSetStrategy partition
apps.StatefulSetSpec replicas revisionHistoryLimit
apps.StatefulSetStatus collisionCount availableReplicas
authentication.TokenRequestSpec expirationSeconds
autoscaling.HPAScalingRules stabilizationWindowSeconds selectPolicy
autoscaling.HorizontalPodAutoscalerSpec minReplicas targetCPUUtilizationPercentage
autoscaling.HorizontalPodAutoscalerStatus observedGeneration currentCPUUtilizationPercentage
autoscaling.MetricTarget averageUtilization
autoscaling.MetricValueStatus averageUtilization
batch.CronJobSpec startingDeadlineSeconds suspend successfulJobsHistoryLimit failedJobsHistoryLimit timeZone
batch.JobSpec parallelism completions activeDeadlineSeconds manualSelector backoffLimit ttlSecondsAfterFinished completionMode suspend
batch.JobSpec backoffLimitPerIndex maxFailedIndexes podReplacementPolicy managedBy
batch.JobStatus failedIndexes ready terminating
batch.PodFailurePolicyOnExitCodesRequirement containerName
batch.SuccessPolicyRule succeededIndexes succeededCount
certificates.CertificateSigningRequestSpec expirationSeconds
coordination.LeaseSpec holderIdentity leaseDurationSeconds leaseTransitions strategy preferredHolder
core.AppArmorProfile localhostProfile
core.AzureDiskVolumeSource cachingMode fsType readOnly kind
core.AzureFilePersistentVolumeSource secretNamespace
core.CSIVolumeSource readOnly fsType
core.ClientIPConfig timeoutSeconds
core.ClusterTrustBundleProjection name signerName optional
core.ConfigMap immutable
core.ConfigMapEnvSource optional
core.ConfigMapKeySelector optional
core.ConfigMapProjection optional
core.ConfigMapVolumeSource defaultMode optional
core.Container restartPolicy
core.ContainerStatus started stopSignal
core.DownwardAPIVolumeFile mode
core.DownwardAPIVolumeSource defaultMode
core.EndpointAddress nodeName
core.EndpointPort appProtocol
core.EphemeralContainer restartPolicy
core.EphemeralContainerCommon restartPolicy name
core.FCVolumeSource lun
core.FileKeySelector optional
core.GRPCAction service
core.GlusterfsPersistentVolumeSource endpointsNamespace
core.HostPathVolumeSource type
core.ISCSIPersistentVolumeSource initiatorName
core.ISCSIVolumeSource initiatorName
core.KeyToPath mode
core.Lifecycle stopSignal
core.LoadBalancerIngress ipMode
core.LocalVolumeSource fsType
core.NodeFeatures supplementalGroupsPolicy
core.NodeRuntimeHandlerFeatures recursiveReadOnlyMounts userNamespaces
core.NodeSwapStatus capacity
core.PersistentVolumeClaimSpec storageClassName volumeMode volumeAttributesClassName
core.PersistentVolumeClaimStatus currentVolumeAttributesClassName
core.PersistentVolumeSpec volumeMode volumeAttributesClassName
core.PodCertificateProjection maxExpirationSeconds
core.PodDNSConfigOption value
core.PodLogOptions sinceSeconds tailLines limitBytes stream
core.PodResourceClaim resourceClaimName resourceClaimTemplateName
core.PodResourceClaimStatus resourceClaimName
core.PodSchedulingGroup podGroupName
core.PodSecurityContext runAsUser runAsNonRoot fsGroup runAsGroup fsGroupChangePolicy supplementalGroupsPolicy seLinuxChangePolicy
core.PodSpec terminationGracePeriodSeconds activeDeadlineSeconds automountServiceAccountToken priority shareProcessNamespace
core.PodSpec runtimeClassName enableServiceLinks preemptionPolicy setHostnameAsFQDN hostUsers hostnameOverride
core.PortStatus error
core.Probe terminationGracePeriodSeconds
core.ProjectedVolumeSource defaultMode
core.ReplicationControllerSpec replicas
core.SeccompProfile localhostProfile
core.Secret immutable
core.SecretEnvSource optional
core.SecretKeySelector optional
core.SecretProjection optional
core.SecretVolumeSource defaultMode optional
core.SecurityContext privileged runAsUser runAsNonRoot readOnlyRootFilesystem allowPrivilegeEscalation runAsGroup procMount
core.ServiceAccount automountServiceAccountToken
core.ServiceAccountTokenProjection expirationSeconds
core.ServicePort appProtocol
core.ServiceSpec ipFamilyPolicy allocateLoadBalancerNodePorts loadBalancerClass internalTrafficPolicy trafficDistribution
core.Toleration tolerationSeconds
core.TopologySpreadConstraint minDomains nodeAffinityPolicy nodeTaintsPolicy
core.TypedLocalObjectReference apiGroup
core.TypedObjectReference apiGroup namespace
core.VolumeMount mountPropagation recursiveReadOnly
core.VolumeMountStatus recursiveReadOnly
core.WindowsSecurityContextOptions gmsaCredentialSpecName gmsaCredentialSpec runAsUserName hostProcess
discovery.Endpoint hostname nodeName zone
discovery.EndpointConditions ready serving terminating
discovery.EndpointPort name protocol port appProtocol
flowcontrol.ExemptPriorityLevelConfiguration nominalConcurrencyShares lendablePercent
flowcontrol.LimitedPriorityLevelConfiguration nominalConcurrencyShares lendablePercent borrowingLimitPercent
meta.DeleteOptions gracePeriodSeconds orphanDependents propagationPolicy ignoreStoreReadErrorWithClusterBreakingPotential
meta.ListMeta remainingItemCount
meta.ListOptions timeoutSeconds sendInitialEvents
meta.ObjectMeta deletionGracePeriodSeconds
meta.OwnerReference controller blockOwnerDeletion
meta.PatchOptions force
meta.Preconditions uid resourceVersion
networking.HTTPIngressPath pathType
networking.IngressClassParametersReference apiGroup scope namespace
networking.IngressPortStatus error
networking.IngressSpec ingressClassName
networking.NetworkPolicyPort protocol endPort
policy.PodDisruptionBudgetSpec unhealthyPodEvictionPolicy
policy.PodDisruptionBudgetStatus disruptionsAllowed currentHealthy desiredHealthy expectedPods
resource.AllocatedDeviceStatus shareID
resource.BasicDevice nodeName allNodes bindsToNode allowMultipleAllocations
resource.Device nodeName allNodes bindsToNode allowMultipleAllocations
resource.DeviceAttribute int bool string version
resource.DeviceClassSpec extendedResourceName
resource.DeviceConstraint matchAttribute distinctAttribute
resource.DeviceRequest adminAccess
resource.DeviceRequestAllocationResult adminAccess shareID
resource.DeviceToleration tolerationSeconds
resource.ExactDeviceRequest adminAccess
resource.ResourceSliceSpec nodeName allNodes perDeviceNodeSelection
scheduling.PriorityClass preemptionPolicy
storage.CSIDriverSpec attachRequired podInfoOnMount storageCapacity fsGroupPolicy requiresRepublish seLinuxMount
storage.CSIDriverSpec nodeAllocatableUpdatePeriodSeconds serviceAccountTokenInSecrets preventPodSchedulingIfMissing
storage.StorageClass reclaimPolicy allowVolumeExpansion volumeBindingMode
storage.TokenRequest expirationSeconds
storage.VolumeAttachmentSource persistentVolumeName
storage.VolumeError errorCode
storage.VolumeNodeResources count
`;

let pointers: Map<string, Set<string>> | undefined;

/** JSON names of a message's pointer fields. `message`: `k8s.io.api.core.v1.PodSpec`. */
export function pointerFields(message: string): ReadonlySet<string> {
  pointers ??= parseTable();
  const [kind = '', , group = ''] = message.split('.').reverse();
  return pointers.get(`${group}.${kind}`) ?? none;
}

const none: ReadonlySet<string> = new Set();

function parseTable(): Map<string, Set<string>> {
  const parsed = new Map<string, Set<string>>();
  for (const line of table.trim().split('\n')) {
    const [name = '', ...fields] = line.split(' ');
    const known = parsed.get(name) ?? new Set();
    for (const field of fields) known.add(field);
    parsed.set(name, known);
  }
  return parsed;
}

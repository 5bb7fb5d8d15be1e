import { accountTokenLaws } from '../../cluster/account-tokens/laws.ts';
import { bootstrapTokenLaws } from '../../cluster/bootstrap-tokens/laws.ts';
import { csrApprovingLaws, csrCleaningLaws, csrSigningLaws } from '../../cluster/certificates/laws.ts';
import { clusterRoleAggregationLaws } from '../../cluster/cluster-role-aggregation/laws.ts';
import { disruptionLaws } from '../../cluster/disruption/laws.ts';
import { staleDisruptionLaws } from '../../cluster/stale-disruption/laws.ts';
import { garbageCollectorLaws } from '../../cluster/garbage-collector/laws.ts';
import { namespaceLaws } from '../../cluster/namespace/laws.ts';
import { nodeLifecycleLaws } from '../../cluster/node-lifecycle/laws.ts';
import { nodeTtlLaws } from '../../cluster/node-ttl/laws.ts';
import { podGcLaws } from '../../cluster/pod-gc/laws.ts';
import { resourceQuotaLaws } from '../../cluster/resource-quota/laws.ts';
import { rootCaLaws } from '../../cluster/root-ca/laws.ts';
import { serviceAccountLaws } from '../../cluster/service-account/laws.ts';
import { taintEvictionLaws } from '../../cluster/taint-eviction/laws.ts';
import { ecsServiceLaws } from '../../ecs/service/laws.ts';
import { ecsClusterLaws } from '../../ecs/cluster/laws.ts';
import { containerInstanceLaws } from '../../ecs/container-instance/laws.ts';
import { taskDefinitionLaws } from '../../ecs/task-definition/laws.ts';
import { ecsTaskLaws } from '../../ecs/task/laws.ts';
import { endpointSliceLaws } from '../../networking/endpoint-slice/laws.ts';
import { endpointSliceMirroringLaws } from '../../networking/endpoint-slice-mirroring/laws.ts';
import { endpointsLaws } from '../../networking/endpoints/laws.ts';
import { networkAliasesLaws } from '../../networking/network-aliases/laws.ts';
import { loadBalancerLaws } from '../../networking/load-balancer/laws.ts';
import { networkAddressesLaws } from '../../networking/reservations/network-addresses-laws.ts';
import { networksLaws } from '../../networking/networks/laws.ts';
import { networkSubnetsLaws } from '../../networking/reservations/network-subnets-laws.ts';
import { nodeIpamLaws } from '../../networking/node-ipam/laws.ts';
import { claimProtectionLaws, volumeProtectionLaws } from '../../storage/in-use-protection/laws.ts';
import { cronJobLaws } from '../../workloads/cron-job/laws.ts';
import { daemonSetLaws } from '../../workloads/daemonset/laws.ts';
import { deploymentLaws } from '../../workloads/deployment/laws.ts';
import { jobLaws } from '../../workloads/job/laws.ts';
import { replicaSetLaws } from '../../workloads/replicaset/laws.ts';
import { replicationControllerLaws } from '../../workloads/replication-controller/laws.ts';
import { statefulSetLaws } from '../../workloads/statefulset/laws.ts';
import { ttlAfterFinishedLaws } from '../../workloads/ttl-after-finished/laws.ts';
import type { ControllerLaws } from './controller-laws.ts';

/** What the laws need to know of each controller. One of `controllers.ts` that is missing fails a test. */
export const lawTable: readonly ControllerLaws[] = [
  ecsServiceLaws,
  ecsTaskLaws,
  ecsClusterLaws,
  containerInstanceLaws,
  taskDefinitionLaws,
  deploymentLaws,
  replicaSetLaws,
  replicationControllerLaws,
  statefulSetLaws,
  daemonSetLaws,
  jobLaws,
  cronJobLaws,
  ttlAfterFinishedLaws,
  endpointSliceLaws,
  endpointsLaws,
  endpointSliceMirroringLaws,
  networkAliasesLaws,
  loadBalancerLaws,
  networksLaws,
  networkSubnetsLaws,
  networkAddressesLaws,
  nodeIpamLaws,
  serviceAccountLaws,
  rootCaLaws,
  namespaceLaws,
  garbageCollectorLaws,
  nodeLifecycleLaws,
  taintEvictionLaws,
  podGcLaws,
  nodeTtlLaws,
  disruptionLaws,
  staleDisruptionLaws,
  clusterRoleAggregationLaws,
  csrApprovingLaws,
  csrSigningLaws,
  csrCleaningLaws,
  accountTokenLaws,
  bootstrapTokenLaws,
  claimProtectionLaws,
  volumeProtectionLaws,
  resourceQuotaLaws,
];

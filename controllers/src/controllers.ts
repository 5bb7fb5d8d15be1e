import { type ApiResource, builtInResources } from '@slipway/api/resources';
import { type Kind, kindFrom, kindId } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import { accountTokenController, type SignAccountToken } from './cluster/account-tokens/controller.ts';
import { bootstrapTokenCleaner } from './cluster/bootstrap-tokens/controller.ts';
import { csrApprovingController } from './cluster/certificates/approving/controller.ts';
import { csrCleaningController } from './cluster/certificates/cleaning/controller.ts';
import { csrSigningController, type SignCertificate } from './cluster/certificates/signing/controller.ts';
import { clusterRoleAggregationController } from './cluster/cluster-role-aggregation/controller.ts';
import { disruptionController } from './cluster/disruption/controller.ts';
import { garbageCollector } from './cluster/garbage-collector/controller.ts';
import { namespaceController } from './cluster/namespace/controller.ts';
import { nodeLifecycleController } from './cluster/node-lifecycle/controller.ts';
import { nodeTtlController } from './cluster/node-ttl/controller.ts';
import { podGcController } from './cluster/pod-gc/controller.ts';
import { resourceQuotaController } from './cluster/resource-quota/controller.ts';
import { rootCaController } from './cluster/root-ca/controller.ts';
import { serviceAccountController } from './cluster/service-account/controller.ts';
import { staleDisruptionController } from './cluster/stale-disruption/controller.ts';
import { taintEvictionController } from './cluster/taint-eviction/controller.ts';
import { ecsServiceController } from './ecs/service/controller.ts';
import { ecsClusterController } from './ecs/cluster/controller.ts';
import { containerInstanceController } from './ecs/container-instance/controller.ts';
import { taskDefinitionController } from './ecs/task-definition/controller.ts';
import { ecsTaskController } from './ecs/task/controller.ts';
import { endpointSliceController } from './networking/endpoint-slice/controller.ts';
import { endpointSliceMirroringController } from './networking/endpoint-slice-mirroring/controller.ts';
import { endpointsController } from './networking/endpoints/controller.ts';
import { loadBalancerController } from './networking/load-balancer/controller.ts';
import { networkAliasesController } from './networking/network-aliases/controller.ts';
import { networkAddressesController } from './networking/reservations/network-addresses.ts';
import { networksController } from './networking/networks/controller.ts';
import { networkSubnetsController } from './networking/reservations/network-subnets.ts';
import { nodeIpamController } from './networking/node-ipam/controller.ts';
import { kindsOf } from './runtime/controller.ts';
import type { ControllerDefinition } from './runtime/controller-definition.ts';
import { claimProtectionController, volumeProtectionController } from './storage/in-use-protection/controller.ts';
import { cronJobController } from './workloads/cron-job/controller.ts';
import { daemonSetController } from './workloads/daemonset/controller.ts';
import { deploymentController } from './workloads/deployment/controller.ts';
import { jobController } from './workloads/job/controller.ts';
import { replicaSetController } from './workloads/replicaset/controller.ts';
import { replicationController } from './workloads/replication-controller/controller.ts';
import { statefulSetController } from './workloads/statefulset/controller.ts';
import { ttlAfterFinishedController } from './workloads/ttl-after-finished/controller.ts';

export interface ControllersConfig {
  /** What the server serves, as its discovery says; each resource in the version to be used. */
  readonly resources: readonly ApiResource[];
  /** Certificate of the cluster's authority, PEM. */
  readonly caPem: string;
  /** All pods' addresses, cut into a part per node: `10.64.0.0/16`. */
  readonly clusterCidr: string;
  /** The addresses of all services, where it is known: no Network may have them. */
  readonly serviceCidr?: string;
  /** Signs certificates as the cluster's authority, where its key is at hand. */
  readonly signCertificate?: SignCertificate;
  /** How long such a certificate holds at most, a year when not given. */
  readonly certificateValidMs?: number;
  /** Signs tokens for Secrets of service accounts, where the key is at hand. */
  readonly signAccountToken?: SignAccountToken;
  /**
   * Kinds of `crds/` that the server will have before it is ready, as `networks.networks.slipway.dev`, where it is not asked yet. Controllers that
   * read kinds which the server does not have do not run, for their caches would never be complete.
   */
  readonly ownKinds?: readonly string[];
}

/** Every controller there is. */
export function allControllers(config: ControllersConfig, clock: Clock): readonly ControllerDefinition[] {
  // Custom kinds come and go: the controllers follow them by their definitions.
  const builtIn = config.resources.filter(isBuiltIn);
  const deletable = collectedKinds(builtIn);
  const namespaced = builtIn.filter(isNamespacedContent).map((resource) => kindFrom(resource));
  return [
    deploymentController,
    replicaSetController,
    replicationController,
    statefulSetController(clock),
    daemonSetController(clock),
    jobController,
    cronJobController,
    ttlAfterFinishedController,
    ecsServiceController,
    ecsTaskController,
    ecsClusterController,
    containerInstanceController,
    taskDefinitionController,
    endpointSliceController,
    endpointsController,
    endpointSliceMirroringController,
    loadBalancerController,
    networkAliasesController,
    networksController(config),
    networkSubnetsController,
    networkAddressesController,
    nodeIpamController(config.clusterCidr),
    serviceAccountController,
    rootCaController(config.caPem),
    namespaceController(uniqueKinds(namespaced)),
    garbageCollector(deletable),
    nodeLifecycleController(clock),
    taintEvictionController(clock),
    podGcController,
    nodeTtlController(),
    disruptionController,
    staleDisruptionController,
    clusterRoleAggregationController,
    csrApprovingController,
    csrSigningController(config.signCertificate, config.certificateValidMs),
    csrCleaningController,
    accountTokenController(config.caPem, config.signAccountToken),
    bootstrapTokenCleaner,
    claimProtectionController,
    volumeProtectionController,
    resourceQuotaController(
      uniqueKinds(config.resources.filter(isCountable).map((resource) => kindFrom(resource))),
      clock,
    ),
  ];
}

/** Names for `--controllers`, in the order of the list; for help texts and checks before a server is there. */
export const controllerNames: readonly string[] = allControllers(
  { resources: [], caPem: '', clusterCidr: '' },
  { nowMs: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve(), after: () => () => {} },
).map(({ name }) => name);

const builtInIds: ReadonlySet<string> = new Set(builtInResources.map(kindId));

/** Whether the server has what the controller reads. */
export function isServed(definition: ControllerDefinition, config: ControllersConfig): boolean {
  return unservedKinds(definition, config).length === 0;
}

/** What the controller reads and the server does not have, as `tasks.ecs.slipway.dev`. */
export function unservedKinds(
  definition: ControllerDefinition,
  { resources, ownKinds = [] }: ControllersConfig,
): readonly string[] {
  const served = new Set([...builtInIds, ...ownKinds, ...resources.map(kindId)]);
  return [...new Set(kindsOf(definition).map(kindId))].filter((id) => !served.has(id));
}

function isBuiltIn(resource: ApiResource): boolean {
  return builtInIds.has(kindId(resource));
}

/** Events tell of objects and own nothing; they end by themselves. */
function collectedKinds(resources: readonly ApiResource[]): Kind[] {
  const collected = resources.filter(
    ({ resource, verbs }) =>
      resource !== 'events' && (['list', 'watch', 'delete'] as const).every((verb) => verbs.includes(verb)),
  );
  return uniqueKinds(collected.map((resource) => kindFrom(resource)));
}

function isNamespacedContent({ namespaced, verbs }: ApiResource): boolean {
  return namespaced && verbs.includes('list') && verbs.includes('deletecollection');
}

/** Events end by themselves and are nobody's to limit. */
function isCountable({ namespaced, resource, verbs }: ApiResource): boolean {
  return namespaced && resource !== 'events' && verbs.includes('list') && verbs.includes('watch');
}

/** The first of each; the same objects in another version, or as events.k8s.io shows the core events, are not walked twice. */
function uniqueKinds(kinds: readonly Kind[]): Kind[] {
  return [...new Map(kinds.toReversed().map((kind) => [kindId(kind), kind])).values()].reverse();
}

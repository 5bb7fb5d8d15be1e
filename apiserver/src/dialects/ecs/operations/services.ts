/** Create, update, delete, describe and list services. */
import { clusterArnAnnotation } from '@slipway/api/ecs/task-metadata';
import { isStatus } from '@slipway/api/status-error';
import { nameFrom } from '../identity/arns.ts';
import { objectName } from '../identity/object-names.ts';
import type { ServiceObject } from '../kinds.ts';
import type {
  CreateServiceRequest,
  DeleteServiceRequest,
  DescribeServicesRequest,
  ListServicesByNamespaceRequest,
  ListServicesRequest,
  UpdateServiceRequest,
} from '../model/generated/types.ts';
import { serviceNameOf, serviceStatusOf, shownService } from '../shown/service.ts';
import { invalidParameter, serviceNotActive, serviceNotFound } from '../wire/ecs-error.ts';
import {
  activeClusterOf,
  type ClusterReference,
  clusterNameOf,
  clusterOf,
  nameInCluster,
} from './cluster-reference.ts';
import type { ClusterObject } from '../kinds.ts';
import type { OperationContext } from './context.ts';
import { checkLaunch } from './launch-rules.ts';
import { pageOf } from './paging.ts';
import { checkService, rebalancingOf } from './service-rules.ts';
import { checkTags } from './tag-rules.ts';
import { namePattern } from './task-definition-rules.ts';
import { checkToken, fingerprintOf, requestAnnotation } from './client-token.ts';
import { shortReference, usableDefinition } from './task-definitions.ts';

export async function createService(request: CreateServiceRequest, context: OperationContext) {
  const cluster = activeClusterOf(request.cluster, context);
  const { serviceName, taskDefinition, clientToken, schedulingStrategy = 'REPLICA' } = request;
  checkToken(clientToken, 36);
  if (serviceName === '') throw invalidParameter('Service name can not be blank.');
  if (!namePattern.test(serviceName)) {
    throw invalidParameter('Invalid service name. Up to 255 letters, numbers, hyphens, and underscores are allowed.');
  }
  if (taskDefinition === undefined) throw invalidParameter('TaskDefinition can not be blank.');
  checkTags(request.tags ?? []);
  const definition = usableDefinition(taskDefinition, context);
  checkService(request, definition, schedulingStrategy);
  checkLaunch(request, definition, context);
  const name = objectName('service', serviceName);
  const known = await makeRoom(name, request, cluster, context);
  if (known) return { service: shownService(known, around(cluster, context), true) };
  const { cluster: _, serviceName: _name, ...rest } = request;
  const spec = {
    ...rest,
    ...(name === serviceName ? {} : { serviceName }),
    taskDefinition: shortReference(definition),
    schedulingStrategy,
    availabilityZoneRebalancing: rebalancingOf(request),
    createdBy: context.caller.user.name,
    ...(request.launchType || request.capacityProviderStrategy ? {} : launchOf(cluster)),
  };
  const { namespace } = cluster;
  try {
    const annotations = {
      [clusterArnAnnotation]: context.arns.cluster(cluster.name),
      ...(clientToken === undefined ? {} : { [requestAnnotation]: fingerprintOf(request) }),
    };
    const metadata = { name, namespace, annotations };
    const created = await context.objects.create<ServiceObject>('Service', { metadata, spec });
    return { service: shownService(created, around(cluster, context), true) };
  } catch (error) {
    if (isStatus(error, 'AlreadyExists')) throw notIdempotent();
    throw error;
  }
}

const notIdempotent = () => invalidParameter('Creation of service was not idempotent.');

/** The cluster's strategy, or EC2. */
function launchOf({ object }: ClusterReference): object {
  const { defaultCapacityProviderStrategy = [] } = object.spec;
  if (defaultCapacityProviderStrategy.length === 0) return { launchType: 'EC2' };
  return { capacityProviderStrategy: defaultCapacityProviderStrategy };
}

/** Answers the service that the same token has made. One that is INACTIVE goes. Throws EcsError for any other one of the name. */
async function makeRoom(
  name: string,
  request: CreateServiceRequest,
  { namespace }: ClusterReference,
  { objects }: OperationContext,
): Promise<ServiceObject | undefined> {
  const known = objects.resolve<ServiceObject>('Service', { namespace, name });
  if (!known) return undefined;
  switch (serviceStatusOf(known)) {
    case 'DRAINING':
      throw invalidParameter('Unable to Start a service that is still Draining.');
    case 'INACTIVE':
      await objects.remove('Service', { namespace, name });
      return undefined;
    case 'ACTIVE': {
      const isSame =
        request.clientToken !== undefined &&
        known.spec.clientToken === request.clientToken &&
        known.metadata.annotations?.[requestAnnotation] === fingerprintOf(request);
      if (!isSame) throw notIdempotent();
      return objects.get<ServiceObject>('Service', { namespace, name });
    }
  }
}

export async function updateService(request: UpdateServiceRequest, context: OperationContext) {
  const cluster = clusterOf(request.cluster, context);
  const found = serviceOf(request.service, cluster, context);
  if (serviceStatusOf(found) !== 'ACTIVE') throw serviceNotActive();
  const { cluster: _, service: _service, forceNewDeployment = false, taskDefinition, ...changes } = request;
  // Without a new one the service keeps its own, which may be INACTIVE by now.
  const definition =
    taskDefinition === undefined
      ? context.definitions.family(familyOf(found))?.revisions.get(revisionOf(found))
      : usableDefinition(taskDefinition, context);
  const { schedulingStrategy = 'REPLICA' } = found.spec;
  const merged = {
    ...found.spec,
    ...changes,
    // Only who asks for it now is told that the service cannot have it.
    availabilityZoneRebalancing: changes.availabilityZoneRebalancing,
    deploymentConfiguration: { ...found.spec.deploymentConfiguration, ...changes.deploymentConfiguration },
  };
  if (definition) {
    checkService(withoutUndefined(merged), definition, schedulingStrategy);
    const launch = changes.capacityProviderStrategy ? { ...merged, launchType: undefined } : merged;
    checkLaunch(withoutUndefined(launch), definition, context);
  }
  const spec = {
    ...changes,
    ...(taskDefinition !== undefined && definition ? { taskDefinition: shortReference(definition) } : {}),
    ...(changes.capacityProviderStrategy && changes.capacityProviderStrategy.length > 0 ? { launchType: null } : {}),
    ...(forceNewDeployment ? { forceNewDeployment: (found.spec.forceNewDeployment ?? 0) + 1 } : {}),
    ...(forceNewDeployment && taskDefinition === undefined && isLookedAfter(found)
      ? { taskDefinition: definitionToForce(found) }
      : {}),
  };
  const place = { namespace: cluster.namespace, name: found.metadata.name ?? '' };
  const changed = await context.objects.patch<ServiceObject>('Service', place, { spec });
  const { generation } = changed.metadata;
  // The answer has the deployment that the change begins: who waits for stability from now on waits for that one.
  const seen = isLookedAfter(found)
    ? await context.objects.settled<ServiceObject>('Service', place, (now) => hasSeen(now, generation), lookWithinMs)
    : undefined;
  return { service: shownService(seen ?? changed, around(cluster, context), true) };
}

/** So long an answer waits for the service scheduler, at most. */
const lookWithinMs = 1000;

function hasSeen({ status }: ServiceObject, generation = 0): boolean {
  return (status?.observedGeneration ?? 0) >= generation;
}

/** A service scheduler is there, and has seen all changes so far. */
function isLookedAfter(service: ServiceObject): boolean {
  return service.status?.observedGeneration !== undefined && hasSeen(service, service.metadata.generation);
}

/** What a forced deployment without a definition deploys: after a roll-back that what runs, not what failed. */
function definitionToForce({ spec, status }: ServiceObject): string | undefined {
  const [primary] = status?.deployments ?? [];
  return spec.taskDefinition.includes(':') ? primary?.taskDefinition : undefined;
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

const familyOf = ({ spec }: ServiceObject) => spec.taskDefinition.split(':', 1)[0] ?? '';
const revisionOf = ({ spec }: ServiceObject) => Number(spec.taskDefinition.split(':')[1] ?? 0);

export async function deleteService(
  { cluster: reference, service, force }: DeleteServiceRequest,
  context: OperationContext,
) {
  const cluster = clusterOf(reference, context);
  const found = serviceOf(service, cluster, context);
  const { namespace } = cluster;
  const name = found.metadata.name ?? '';
  if (serviceStatusOf(found) === 'INACTIVE') throw serviceNotFound();
  const { schedulingStrategy, desiredCount = 0 } = found.spec;
  if (!force && schedulingStrategy !== 'DAEMON' && desiredCount > 0) {
    throw invalidParameter('The service cannot be stopped while it is scaled above 0.');
  }
  const changed = await context.objects.patch<ServiceObject>(
    'Service',
    { namespace, name },
    { spec: { desiredStatus: 'INACTIVE' } },
  );
  return { service: shownService(changed, around(cluster, context), true) };
}

const describedMax = 10;

export function describeServices(
  { cluster: reference, services, include = [] }: DescribeServicesRequest,
  context: OperationContext,
) {
  const cluster = clusterOf(reference, context);
  if (services.length === 0) throw invalidParameter('Services cannot be empty.');
  if (services.length > describedMax) throw invalidParameter(`services can have at most ${describedMax} items.`);
  const shown: object[] = [];
  const failures: object[] = [];
  for (const asked of services) {
    const found = findService(asked, cluster, context);
    if (found) {
      context.objects.get('Service', { namespace: cluster.namespace, name: found.metadata.name ?? '' });
      shown.push(shownService(found, around(cluster, context), include.includes('TAGS')));
    } else {
      const arn = asked.startsWith('arn:') ? asked : context.arns.service(cluster.name, asked);
      failures.push({ arn, reason: 'MISSING' });
    }
  }
  return { services: shown, failures };
}

const listedDefault = 10;

export function listServices(request: ListServicesRequest, context: OperationContext) {
  const cluster = clusterOf(request.cluster, context);
  const { launchType, schedulingStrategy } = request;
  const names = [...context.objects.list<ServiceObject>('Service', cluster.namespace)]
    .filter(
      (service) =>
        serviceStatusOf(service) !== 'INACTIVE' &&
        (launchType === undefined || service.spec.launchType === launchType) &&
        (schedulingStrategy === undefined || service.spec.schedulingStrategy === schedulingStrategy),
    )
    .map(serviceNameOf)
    .sort();
  const { items, nextToken } = pageOf(names, { maxResults: listedDefault, ...request });
  const serviceArns = items.map((name) => context.arns.service(cluster.name, name));
  return { serviceArns, ...(nextToken === undefined ? {} : { nextToken }) };
}

/** Of all clusters, those of one Service Connect namespace. */
export function listServicesByNamespace(request: ListServicesByNamespaceRequest, context: OperationContext) {
  const clusters = new Map(
    [...context.objects.counted<ClusterObject>('Cluster')].map((each) => [each.metadata.name, clusterNameOf(each)]),
  );
  const arns = [...context.objects.list<ServiceObject>('Service')]
    .filter(({ spec }) => spec.serviceConnectConfiguration?.namespace === request.namespace)
    .flatMap((service) => {
      const cluster = clusters.get(service.metadata.namespace);
      return cluster === undefined ? [] : [context.arns.service(cluster, serviceNameOf(service))];
    })
    .sort();
  const { items, nextToken } = pageOf(arns, { maxResults: listedDefault, ...request });
  return { serviceArns: items, ...(nextToken === undefined ? {} : { nextToken }) };
}

/** Throws EcsError ServiceNotFoundException. */
export function serviceOf(reference: string, cluster: ClusterReference, context: OperationContext): ServiceObject {
  const found = findService(reference, cluster, context);
  if (!found) throw serviceNotFound();
  return found;
}

function findService(
  reference: string,
  cluster: ClusterReference,
  { objects }: OperationContext,
): ServiceObject | undefined {
  const ecsName = nameInCluster('service', reference, cluster);
  if (ecsName === undefined || ecsName === '') return undefined;
  const name = objectName('service', nameFrom('service', ecsName));
  const found = objects.resolve<ServiceObject>('Service', { namespace: cluster.namespace, name });
  return found && serviceNameOf(found) === ecsName ? found : undefined;
}

function around({ name }: ClusterReference, { arns }: OperationContext) {
  return { arns, cluster: name };
}

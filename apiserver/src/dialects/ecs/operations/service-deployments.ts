/** Deployments and revisions of services. */
import { parseArn } from '../identity/arns.ts';
import type { ServiceDeploymentObject, ServiceObject, ServiceRevisionObject } from '../kinds.ts';
import type {
  DescribeServiceDeploymentsRequest,
  DescribeServiceRevisionsRequest,
  ListServiceDeploymentsRequest,
  StopServiceDeploymentRequest,
} from '../model/generated/types.ts';
import {
  type NamedServiceSurroundings,
  serviceNameOf,
  shownDeployment,
  shownDeploymentBrief,
  shownRevision,
} from '../shown/service.ts';
import { seconds } from '../shown/times.ts';
import { EcsError, invalidParameter } from '../wire/ecs-error.ts';
import { clusterOf, findCluster } from './cluster-reference.ts';
import type { OperationContext } from './context.ts';
import { pageOf } from './paging.ts';
import { serviceOf } from './services.ts';

const describedMax = 20;

export function describeServiceDeployments(
  { serviceDeploymentArns }: DescribeServiceDeploymentsRequest,
  context: OperationContext,
) {
  const { shown, failures } = describe('service-deployment', serviceDeploymentArns, context, (place) => {
    const found = context.objects.get<ServiceDeploymentObject>('ServiceDeployment', place);
    return found && { service: found.spec.serviceName, show: (around) => shownDeployment(found, around) };
  });
  return { serviceDeployments: shown, failures };
}

export function describeServiceRevisions(
  { serviceRevisionArns }: DescribeServiceRevisionsRequest,
  context: OperationContext,
) {
  const { shown, failures } = describe('service-revision', serviceRevisionArns, context, (place) => {
    const found = context.objects.get<ServiceRevisionObject>('ServiceRevision', place);
    return found && { service: found.spec.serviceName, show: (around) => shownRevision(found, around) };
  });
  return { serviceRevisions: shown, failures };
}

interface Describable {
  /** The Service object. */
  readonly service: string;
  show(around: NamedServiceSurroundings): object;
}

function describe(
  kind: string,
  references: readonly string[],
  context: OperationContext,
  find: (place: { readonly namespace: string; readonly name: string }) => Describable | undefined,
) {
  if (references.length === 0 || references.length > describedMax) {
    throw invalidParameter(`Between 1 and ${describedMax} ARNs can be described.`);
  }
  const shown: object[] = [];
  const failures: object[] = [];
  for (const arn of references) {
    const place = placeOf(kind, arn, context);
    const found = place && find(place);
    const service = found && ecsNameOf(found.service, place.namespace, context);
    if (found && service === place.service) {
      shown.push(found.show({ arns: context.arns, cluster: place.cluster, service }));
    } else failures.push({ arn, reason: 'MISSING' });
  }
  return { shown, failures };
}

/** `.../CLUSTER/SERVICE/ID`. Throws EcsError for what is no such ARN. */
function placeOf(kind: string, text: string, context: OperationContext) {
  const arn = parseArn(text);
  const [clusterName, service, name] = arn?.kind === kind ? arn.parts : [];
  if (clusterName === undefined || service === undefined || name === undefined) {
    throw invalidParameter(`Invalid identifier: ${text.slice(0, 200)}`);
  }
  const cluster = findCluster(clusterName, context);
  return cluster && { cluster: cluster.name, namespace: cluster.namespace, service, name };
}

function ecsNameOf(name: string, namespace: string, { objects }: OperationContext): string {
  const service = objects.resolve<ServiceObject>('Service', { namespace, name });
  return service ? serviceNameOf(service) : name;
}

export function listServiceDeployments(request: ListServiceDeploymentsRequest, context: OperationContext) {
  const cluster = clusterOf(request.cluster, context);
  const service = serviceOf(request.service, cluster, context);
  const { status: states, createdAt: { after = 0, before = Number.POSITIVE_INFINITY } = {} } = request;
  const around = { arns: context.arns, cluster: cluster.name, service: serviceNameOf(service) };
  const asked = new Map<string, ServiceDeploymentObject>();
  for (const each of context.objects.list<ServiceDeploymentObject>('ServiceDeployment', cluster.namespace)) {
    const createdAt = seconds(each.metadata.creationTimestamp) ?? 0;
    if (each.spec.serviceName !== service.metadata.name || createdAt < after || createdAt > before) continue;
    if (states && states.length > 0 && !states.includes(each.status?.status ?? 'PENDING')) continue;
    // Newest first; the name decides within a second.
    asked.set(`${String(1e12 - createdAt).padStart(13, '0')} ${each.metadata.name}`, each);
  }
  const { items, nextToken } = pageOf([...asked.keys()].sort(), request);
  return {
    serviceDeployments: items.flatMap((key) => {
      const found = asked.get(key);
      return found ? [shownDeploymentBrief(found, around)] : [];
    }),
    ...(nextToken === undefined ? {} : { nextToken }),
  };
}

const running: ReadonlySet<string> = new Set(['PENDING', 'IN_PROGRESS', 'STOP_REQUESTED', 'ROLLBACK_REQUESTED']);

export async function stopServiceDeployment(
  { serviceDeploymentArn, stopType = 'ROLLBACK' }: StopServiceDeploymentRequest,
  context: OperationContext,
) {
  const place = placeOf('service-deployment', serviceDeploymentArn, context);
  const found = place && context.objects.resolve<ServiceDeploymentObject>('ServiceDeployment', place);
  if (!found) {
    throw new EcsError('ServiceDeploymentNotFoundException', 'The specified service deployment was not found.');
  }
  const state = found.status?.status ?? 'PENDING';
  if (!running.has(state)) {
    throw new EcsError('ConflictException', `The service deployment can not be stopped: it is ${state}.`, {
      fields: { resourceIds: [serviceDeploymentArn] },
    });
  }
  const { namespace, name } = place;
  await context.objects.patch('ServiceDeployment', { namespace, name }, { spec: { stopType } });
  return { serviceDeploymentArn };
}

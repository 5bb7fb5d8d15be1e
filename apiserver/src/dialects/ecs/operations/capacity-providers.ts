/** Capacity providers: names for groups of nodes. */
import { isStatus } from '@slipway/api/status-error';
import { nameFrom } from '../identity/arns.ts';
import { objectName } from '../identity/object-names.ts';
import type { CapacityProviderObject, ClusterObject, ServiceObject } from '../kinds.ts';
import type {
  CreateCapacityProviderRequest,
  DeleteCapacityProviderRequest,
  DescribeCapacityProvidersRequest,
  UpdateCapacityProviderRequest,
} from '../model/generated/types.ts';
import { clientException, EcsError, invalidParameter, unsupportedFeature } from '../wire/ecs-error.ts';
import { fargateProviders, findProvider, providerNameOf } from './capacity-strategy.ts';
import { clusterOf } from './cluster-reference.ts';
import type { OperationContext } from './context.ts';
import { pageOf } from './paging.ts';
import { checkTags } from './tag-rules.ts';
import { namePattern } from './task-definition-rules.ts';

export async function createCapacityProvider(request: CreateCapacityProviderRequest, context: OperationContext) {
  const { name, autoScalingGroupProvider, tags = [] } = request;
  if (!namePattern.test(name) || /^(aws|ecs|fargate)/i.test(name)) {
    throw clientException(
      'The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with "aws", "ecs", or "fargate". Specify a valid name and try again.',
    );
  }
  checkKind(request);
  checkTags(tags);
  const object = objectName('capacityProvider', name);
  const own = object === name ? {} : { name };
  const spec = { ...own, autoScalingGroupProvider, ...(tags.length > 0 ? { tags } : {}) };
  try {
    const body = { metadata: { name: object }, spec };
    const created = await context.objects.create<CapacityProviderObject>('CapacityProvider', body);
    return { capacityProvider: shownProvider(created, context) };
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error;
    throw clientException(
      `A capacity provider with the name ${name} already exists. Specify a different name and try again.`,
    );
  }
}

type ProviderKind = Pick<CreateCapacityProviderRequest, 'cluster'> & {
  readonly autoScalingGroupProvider?: object;
  readonly managedInstancesProvider?: object;
};

/** Throws EcsError. */
function checkKind({ cluster, autoScalingGroupProvider, managedInstancesProvider }: ProviderKind): void {
  if (managedInstancesProvider) throw unsupportedFeature('managedInstancesProvider is not served.');
  if (!autoScalingGroupProvider) throw clientException('autoScalingGroupProvider can not be blank.');
  if (cluster !== undefined) throw clientException('cluster is for capacity providers of managed instances.');
}

export function describeCapacityProviders(request: DescribeCapacityProvidersRequest, context: OperationContext) {
  const { capacityProviders = [], include = [] } = request;
  const withTags = include.includes('TAGS');
  if (capacityProviders.length > 0) {
    const shown: object[] = [];
    const failures: object[] = [];
    for (const reference of capacityProviders) {
      const name = nameFrom('capacity-provider', reference);
      const found = findProvider(name, context);
      if (found) {
        context.objects.get('CapacityProvider', { name: found.metadata.name ?? '' });
        shown.push(shownProvider(found, context, withTags));
      } else if (fargateProviders.includes(name)) shown.push(fargateProvider(name, context));
      else failures.push({ arn: context.arns.capacityProvider(name), reason: 'MISSING' });
    }
    return { capacityProviders: shown, failures };
  }
  const all = new Map<string, object>(fargateProviders.map((name) => [name, fargateProvider(name, context)]));
  for (const each of context.objects.list<CapacityProviderObject>('CapacityProvider')) {
    all.set(providerNameOf(each), shownProvider(each, context, withTags));
  }
  const ofCluster =
    request.cluster === undefined
      ? undefined
      : (clusterOf(request.cluster, context).object.spec.capacityProviders ?? []);
  const names = [...all.keys()].filter((name) => ofCluster?.includes(name) ?? true);
  const { items, nextToken } = pageOf(names.sort(), request);
  return {
    capacityProviders: items.map((name) => all.get(name)),
    failures: [],
    ...(nextToken === undefined ? {} : { nextToken }),
  };
}

export async function updateCapacityProvider(request: UpdateCapacityProviderRequest, context: OperationContext) {
  const { name, autoScalingGroupProvider } = request;
  checkKind(request);
  const found = existingProvider(name, context);
  const place = { name: found.metadata.name ?? '' };
  const changes = { spec: { autoScalingGroupProvider } };
  const changed = await context.objects.patch<CapacityProviderObject>('CapacityProvider', place, changes);
  return { capacityProvider: shownProvider(changed, context) };
}

export async function deleteCapacityProvider(
  { capacityProvider }: DeleteCapacityProviderRequest,
  context: OperationContext,
) {
  const name = nameFrom('capacity-provider', capacityProvider);
  const found = existingProvider(name, context);
  const { objects } = context;
  const isUsed =
    some(objects.counted<ClusterObject>('Cluster'), ({ spec }) => (spec.capacityProviders ?? []).includes(name)) ||
    some(objects.counted<ServiceObject>('Service'), ({ spec }) =>
      (spec.capacityProviderStrategy ?? []).some((item) => item.capacityProvider === name),
    );
  if (isUsed) {
    throw new EcsError('ResourceInUseException', 'The specified capacity provider is in use and cannot be removed.');
  }
  await objects.remove('CapacityProvider', { name: found.metadata.name ?? '' });
  return {
    capacityProvider: { ...shownProvider(found, context), status: 'INACTIVE', updateStatus: 'DELETE_COMPLETE' },
  };
}

function some<T>(all: Iterable<T>, is: (each: T) => boolean): boolean {
  for (const each of all) if (is(each)) return true;
  return false;
}

function existingProvider(reference: string, context: OperationContext): CapacityProviderObject {
  const found = findProvider(reference, context);
  if (found) return found;
  if (fargateProviders.includes(nameFrom('capacity-provider', reference))) {
    throw invalidParameter('The capacity providers FARGATE and FARGATE_SPOT cannot be changed.');
  }
  throw invalidParameter('The specified capacity provider does not exist. Specify a valid name or ARN and try again.');
}

function shownProvider(provider: CapacityProviderObject, { arns }: OperationContext, withTags = true): object {
  const name = providerNameOf(provider);
  const { autoScalingGroupProvider, tags = [] } = provider.spec;
  return {
    capacityProviderArn: arns.capacityProvider(name),
    name,
    status: 'ACTIVE',
    ...(autoScalingGroupProvider ? { autoScalingGroupProvider } : {}),
    type: 'EC2_AUTOSCALING',
    tags: withTags ? tags : [],
  };
}

function fargateProvider(name: string, { arns }: OperationContext): object {
  return { capacityProviderArn: arns.capacityProvider(name), name, status: 'ACTIVE', type: name, tags: [] };
}

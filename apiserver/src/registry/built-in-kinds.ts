/** The kinds that this server keeps. A new kind is a strategy file and a line here. */
import { builtInResources } from '@slipway/api/resources';
import { pathSegmentProblems } from '@slipway/api/names';
import { invariant } from '@slipway/kit/invariant';
import { configMapStrategy } from './strategies/config-map.ts';
import { deploymentStrategy } from './strategies/deployment.ts';
import { namespaceStrategy } from './strategies/namespace.ts';
import { podStrategy } from './strategies/pod.ts';
import { replicaSetStrategy } from './strategies/replica-set.ts';
import { secretStrategy } from './strategies/secret.ts';
import type { ApiServerConfig } from '../config.ts';
import type { Strategy } from './strategy.ts';

export function builtInKinds(_config: ApiServerConfig): readonly Strategy[] {
  return [
    namespaceStrategy,
    plain('', 'v1', 'nodes'),
    podStrategy,
    plain('', 'v1', 'services'),
    configMapStrategy,
    secretStrategy,
    plain('', 'v1', 'serviceaccounts'),
    plain('', 'v1', 'events'),
    deploymentStrategy,
    replicaSetStrategy,
    plain('discovery.k8s.io', 'v1', 'endpointslices'),
    plain('coordination.k8s.io', 'v1', 'leases'),
    plain('rbac.authorization.k8s.io', 'v1', 'roles'),
    plain('rbac.authorization.k8s.io', 'v1', 'rolebindings'),
    plain('rbac.authorization.k8s.io', 'v1', 'clusterroles'),
    plain('rbac.authorization.k8s.io', 'v1', 'clusterrolebindings'),
  ];
}

/** A kind without rules of its own beyond those of the metadata and the schema. */
function plain(group: string, version: string, resource: string): Strategy {
  const api = builtInResources.find(
    (candidate) => candidate.group === group && candidate.version === version && candidate.resource === resource,
  );
  invariant(api, `no built-in resource ${group}/${version} ${resource}`);
  return {
    resource: api,
    validate: () => [],
    ...(group.startsWith('rbac.') ? { validateName: pathSegmentProblems } : {}),
  };
}

/**
 * What the agent of a node may do: what its own pods need, and nothing of other nodes. A user `system:node:NAME` of the group
 * `system:nodes` is the agent of the node NAME. Rules that hold for all nodes alike are the table below; for Secrets, ConfigMaps and
 * tokens it matters which pods the node runs.
 */
import { parseFieldSelector } from '@slipway/api/field-selector';
import type { Pod, PodSpec, PolicyRule } from '@slipway/api/types';
import { objectKey, resourcePrefix } from '../registry/resource-context.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import {
  type AccessRequest,
  type Authorizer,
  type Decision,
  noOpinion,
  type ResourceAccess,
} from './access-request.ts';
import { ruleAllows } from './rule-match.ts';

const nodeUserPrefix = 'system:node:';
const nodesGroup = 'system:nodes';
const podsPrefix = resourcePrefix({ group: '', resource: 'pods' });

/** The node whose agent the user is. */
export function nodeNameOf(user: UserInfo): string | undefined {
  if (!user.groups.includes(nodesGroup) || !user.name.startsWith(nodeUserPrefix)) return undefined;
  return user.name.slice(nodeUserPrefix.length) || undefined;
}

/** Writes to nodes and pods are narrowed to the agent's own by the admission plugin NodeRestriction. */
const rulesOfAllNodes: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['services', 'namespaces'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['nodes'], verbs: ['create', 'get', 'list', 'watch', 'update', 'patch'] },
  { apiGroups: [''], resources: ['nodes/status'], verbs: ['update', 'patch'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['create', 'delete'] },
  { apiGroups: [''], resources: ['pods/status'], verbs: ['update', 'patch'] },
  { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] },
  { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'update', 'patch'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  {
    apiGroups: ['authorization.k8s.io'],
    resources: ['subjectaccessreviews', 'localsubjectaccessreviews'],
    verbs: ['create'],
  },
];

export class NodeAuthorizer implements Authorizer {
  readonly #objects: ObjectStore;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  decide(request: AccessRequest): Decision {
    const node = nodeNameOf(request.user);
    if (node === undefined || request.kind !== 'resource') return noOpinion;
    if (rulesOfAllNodes.some((rule) => ruleAllows(rule, request)) || this.#allowsOwn(node, request)) {
      return { allowed: true, reason: 'node' };
    }
    return noOpinion;
  }

  #allowsOwn(node: string, request: ResourceAccess): boolean {
    const isRead = request.verb === 'get' || request.verb === 'list' || request.verb === 'watch';
    switch (`${request.group}/${request.resource}/${request.subresource}`) {
      case '/pods/':
        return isRead && this.#isOwnPods(node, request);
      case '/secrets/':
      case '/configmaps/':
        return isRead && request.name !== '' && this.#runsPod(node, request, (spec) => mounts(spec, request));
      case '/serviceaccounts/token':
        return (
          request.verb === 'create' && this.#runsPod(node, request, (spec) => spec.serviceAccountName === request.name)
        );
      case '/serviceaccounts/':
        return (
          request.verb === 'get' && this.#runsPod(node, request, (spec) => spec.serviceAccountName === request.name)
        );
      case 'coordination.k8s.io/leases/':
        return request.namespace === 'kube-node-lease' && request.name === node;
      default:
        return false;
    }
  }

  #isOwnPods(node: string, request: ResourceAccess): boolean {
    if (request.name !== '') {
      const pod = this.#objects.cached(objectKey({ group: '', resource: 'pods' }, request.namespace, request.name));
      // One that is not there is allowed, so that the agent learns that it is not there.
      return pod === undefined || nodeOf(pod.object) === node;
    }
    return exactNodeName(request.fieldSelector) === node;
  }

  #runsPod(node: string, { namespace }: ResourceAccess, needs: (spec: PodSpec) => boolean): boolean {
    for (const { object } of this.#objects.cachedList(`${podsPrefix}${namespace}/`)) {
      if (nodeOf(object) === node && needs((object as Pod).spec)) return true;
    }
    return false;
  }
}

function exactNodeName(fieldSelector: string | undefined): string | undefined {
  try {
    return fieldSelector === undefined ? undefined : parseFieldSelector(fieldSelector).exactValue('spec.nodeName');
  } catch {
    return undefined; // refused with its own words when it is parsed for the list
  }
}

function nodeOf(pod: object): string | undefined {
  return (pod as Partial<Pod>).spec?.nodeName;
}

function mounts(spec: PodSpec, { resource, name }: ResourceAccess): boolean {
  return resource === 'secrets' ? secretsOf(spec).has(name) : configMapsOf(spec).has(name);
}

function containersOf(spec: PodSpec) {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

function secretsOf(spec: PodSpec): Set<string | undefined> {
  return new Set([
    ...(spec.imagePullSecrets ?? []).map(({ name }) => name),
    ...(spec.volumes ?? []).flatMap(({ secret, projected }) => [
      secret?.secretName,
      ...(projected?.sources ?? []).map((source) => source.secret?.name),
    ]),
    ...containersOf(spec).flatMap(({ env, envFrom }) => [
      ...(env ?? []).map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
      ...(envFrom ?? []).map(({ secretRef }) => secretRef?.name),
    ]),
  ]);
}

function configMapsOf(spec: PodSpec): Set<string | undefined> {
  return new Set([
    ...(spec.volumes ?? []).flatMap(({ configMap, projected }) => [
      configMap?.name,
      ...(projected?.sources ?? []).map((source) => source.configMap?.name),
    ]),
    ...containersOf(spec).flatMap(({ env, envFrom }) => [
      ...(env ?? []).map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
      ...(envFrom ?? []).map(({ configMapRef }) => configMapRef?.name),
    ]),
  ]);
}

/**
 * What the agent of a node may do: what its own pods need, and nothing of other nodes. A user `system:node:NAME` of the group
 * `system:nodes` is the agent of the node NAME. Where a table of rules says enough, it is that of the role `system:node`; for the
 * resources below it matters which node asks. Writes are narrowed further by the admission plugin NodeRestriction.
 */
import { parseFieldSelector } from '@slipway/api/field-selector';
import type { PersistentVolume, Pod, PolicyRule, ResourceSlice, VolumeAttachment } from '@slipway/api/types';
import { nodeRules } from '../bootstrap/policy/component-roles.ts';
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
import { NodeGraph } from './node-graph.ts';
import { type ReferredResource, referenceTo } from './pod-references.ts';
import { ruleAllows } from './rule-match.ts';

const nodeUserPrefix = 'system:node:';
const nodesGroup = 'system:nodes';
const networkPolicies = resourcePrefix({ group: 'networking.k8s.io', resource: 'networkpolicies' });
const allowed: Decision = { allowed: true, reason: 'node' };

/** The node whose agent the user is. */
export function nodeNameOf(user: UserInfo): string | undefined {
  if (!isNodeUser(user)) return undefined;
  return user.name.slice(nodeUserPrefix.length) || undefined;
}

function isNodeUser(user: UserInfo): boolean {
  return user.name.startsWith(nodeUserPrefix) && user.groups.includes(nodesGroup);
}

const read = ['get', 'list', 'watch'];

/** Our agent is the node's service proxy and enforces network policies, too, which upstream's does not. */
const rulesOfAllNodes: readonly PolicyRule[] = [
  ...nodeRules,
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: read },
  { apiGroups: [''], resources: ['namespaces'], verbs: read },
];

type Check = (node: string, request: ResourceAccess) => boolean;

export class NodeAuthorizer implements Authorizer {
  readonly #objects: ObjectStore;
  readonly #graph: NodeGraph;
  /** By group, resource and subresource: those about which the rules do not decide. */
  readonly #checks: Readonly<Record<string, Check>>;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
    this.#graph = new NodeGraph(objects);
    const one = (verbs: readonly string[], resource: ReferredResource): Check => {
      return (node, { verb, namespace, name }) =>
        verbs.includes(verb) && name !== '' && this.#graph.reaches(node, referenceTo(resource, namespace, name));
    };
    const ownName = (verbs: readonly string[]): Check => {
      return (node, { verb, name }) => verb === 'create' || (verbs.includes(verb) && name === node);
    };
    this.#checks = {
      '/secrets/': one(read, 'secrets'),
      '/configmaps/': one(read, 'configmaps'),
      '/persistentvolumeclaims/': one(['get'], 'persistentvolumeclaims'),
      '/persistentvolumeclaims/status': one(['get', 'update', 'patch'], 'persistentvolumeclaims'),
      '/persistentvolumes/': (node, request) => request.verb === 'get' && this.#reachesVolume(node, request.name),
      '/serviceaccounts/': one(['get'], 'serviceaccounts'),
      '/serviceaccounts/token': one(['create'], 'serviceaccounts'),
      'resource.k8s.io/resourceclaims/': one(['get'], 'resourceclaims'),
      'resource.k8s.io/resourceslices/': (node, request) => this.#isOwnSlices(node, request),
      'storage.k8s.io/volumeattachments/': (node, request) => request.verb === 'get' && this.#isAttached(node, request),
      'storage.k8s.io/csinodes/': ownName(['get', 'update', 'patch', 'delete']),
      'coordination.k8s.io/leases/': (node, request) =>
        request.namespace === 'kube-node-lease' && ownName(['get', 'update', 'patch', 'delete'])(node, request),
      '/nodes/': (node, request) => this.#isOwnNode(node, request),
      '/pods/': (node, request) => this.#isOwnPods(node, request),
      'ecs.slipway.dev/containerinstances/': (node, { verb, name }) => verb === 'get' && name === node,
      'ecs.slipway.dev/tasks/': (node, request) => this.#isOwnTask(node, request),
    };
  }

  decide(request: AccessRequest): Decision {
    if (request.kind !== 'resource' || !isNodeUser(request.user)) return noOpinion;
    const node = nodeNameOf(request.user);
    if (node === undefined) return noOpinion;
    const check = this.#checks[`${request.group}/${request.resource}/${request.subresource}`];
    if (check) return check(node, request) ? allowed : noOpinion;
    return rulesOfAllNodes.some((rule) => ruleAllows(rule, request)) ? allowed : noOpinion;
  }

  close(): void {
    this.#graph.close();
  }

  /** All may be seen: pods of other nodes are reached by the addresses in their Nodes. */
  #isOwnNode(node: string, { verb, name }: ResourceAccess): boolean {
    if (verb === 'list' || verb === 'watch') return true;
    return verb === 'create' || ((verb === 'get' || verb === 'update' || verb === 'patch') && name === node);
  }

  #isOwnPods(node: string, { verb, namespace, name, fieldSelector }: ResourceAccess): boolean {
    if (verb === 'create' || verb === 'delete') return true;
    if (verb === 'get') {
      const pod = this.#objects.cached(objectKey({ group: '', resource: 'pods' }, namespace, name));
      // One that is not there is allowed, so that the agent learns that it is not there.
      return pod === undefined || (pod.object as Pod).spec?.nodeName === node;
    }
    const isSelection = verb === 'list' || verb === 'watch' || verb === 'deletecollection';
    if (isSelection && exactField(fieldSelector, 'spec.nodeName') === node) return true;
    // A policy's peers may be any pods. Where there is no policy, no node needs to see those of others.
    return (verb === 'list' || verb === 'watch') && !isEmpty(this.#objects.cachedList(networkPolicies));
  }

  /** That a pod of the node is: it may be asked about itself, and protect itself (NodeRestriction says from what). */
  #isOwnTask(node: string, { verb, namespace, name }: ResourceAccess): boolean {
    if ((verb !== 'get' && verb !== 'patch') || name === '') return false;
    const pod = this.#objects.cached(objectKey({ group: '', resource: 'pods' }, namespace, name))?.object as
      | Pod
      | undefined;
    return pod?.spec?.nodeName === node && isPodOfTask(pod, name);
  }

  #isOwnSlices(node: string, { verb, group, resource, name, fieldSelector }: ResourceAccess): boolean {
    if (verb === 'create') return true;
    if (verb === 'list' || verb === 'watch' || verb === 'deletecollection') {
      return exactField(fieldSelector, 'spec.nodeName') === node;
    }
    const slice = this.#objects.cached(objectKey({ group, resource }, undefined, name));
    return (slice?.object as ResourceSlice | undefined)?.spec?.nodeName === node;
  }

  #reachesVolume(node: string, name: string): boolean {
    const volume = this.#objects.cached(objectKey({ group: '', resource: 'persistentvolumes' }, undefined, name));
    const claim = (volume?.object as PersistentVolume | undefined)?.spec?.claimRef;
    if (!claim?.name) return false;
    return this.#graph.reaches(node, referenceTo('persistentvolumeclaims', claim.namespace ?? '', claim.name));
  }

  #isAttached(node: string, { group, resource, name }: ResourceAccess): boolean {
    const attachment = this.#objects.cached(objectKey({ group, resource }, undefined, name));
    return (attachment?.object as VolumeAttachment | undefined)?.spec?.nodeName === node;
  }
}

function isPodOfTask({ metadata }: Pod, name: string): boolean {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return owner?.kind === 'Task' && owner.name === name && owner.apiVersion.startsWith('ecs.slipway.dev/');
}

function exactField(fieldSelector: string | undefined, field: string): string | undefined {
  try {
    return fieldSelector === undefined ? undefined : parseFieldSelector(fieldSelector).exactValue(field);
  } catch {
    return undefined; // refused with its own words when it is parsed for the list
  }
}

function isEmpty(things: Iterable<unknown>): boolean {
  for (const _ of things) return false;
  return true;
}

import type { Service, ServiceDeployment, ServiceRevision, Task, TaskDefinition } from '@slipway/api/ecs/kinds';
import { parseDefinitionReference } from '@slipway/api/ecs/names';
import type { Node, Service as KubeService } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { isControlledBy } from '../../runtime/owner.ts';
import { familyIndex } from '../task/observe.ts';

export interface ObservedService {
  readonly service: Service;
  /** All of it that are still described, ended ones too. */
  readonly tasks: readonly Task[];
  readonly deployments: ReadonlyMap<string, ServiceDeployment>;
  readonly revisions: ReadonlyMap<string, ServiceRevision>;
  /** Of `FAMILY` the newest ACTIVE one. */
  readonly definition: (reference: string) => TaskDefinition | undefined;
  readonly nodes: readonly Node[];
  /** Kubernetes Services that it made. */
  readonly kubeServices: readonly KubeService[];
  /** The one of this name in its namespace, whoever made it. */
  readonly kubeService: (name: string) => KubeService | undefined;
}

export function observeService(key: ObjectKey, caches: Caches): ObservedService | undefined {
  const service = caches.get(kinds.ecsServices, key);
  if (!service) return undefined;
  const { uid = '', namespace = '' } = service.metadata;
  const byName = <T extends ServiceDeployment | ServiceRevision>(list: readonly T[]) =>
    new Map(list.filter((each) => isControlledBy(each, service)).map((each) => [each.metadata.name ?? '', each]));
  return {
    service,
    tasks: caches.ownedBy(kinds.ecsTasks, uid),
    deployments: byName(caches.ownedBy(kinds.ecsServiceDeployments, uid)),
    revisions: byName(caches.ownedBy(kinds.ecsServiceRevisions, uid)),
    definition: (reference) => definitionOf(reference, caches),
    kubeServices: caches.ownedBy(kinds.services, uid),
    kubeService: (name) => caches.get(kinds.services, `${namespace}/${name}`),
    nodes: caches.list(kinds.nodes),
  };
}

function definitionOf(reference: string, caches: Caches): TaskDefinition | undefined {
  const { family, revision } = parseDefinitionReference(reference);
  const revisions = caches.byIndex(kinds.ecsTaskDefinitions, familyIndex, family);
  if (revision !== undefined) return revisions.find(({ spec }) => spec.revision === revision);
  return revisions
    .filter(({ spec }) => spec.status !== 'INACTIVE')
    .toSorted((a, b) => b.spec.revision - a.spec.revision)[0];
}

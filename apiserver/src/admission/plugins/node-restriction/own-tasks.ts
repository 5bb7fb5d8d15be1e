import type { Task } from '@slipway/api/ecs/kinds';
import type { Pod } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { NodeCheck } from './node-restriction.ts';

/** A task keeps itself from being ended by its service, through the agent of its node. Nothing else of it is the node's to say. */
export const taskProblem: NodeCheck = (node, { draft, old, request }, deps) => {
  const shown = JSON.stringify(node);
  const [wanted, before] = [draft, old] as (Task | undefined)[];
  if (request.operation !== 'UPDATE' || request.subresource !== undefined || !wanted || !before) {
    return `node ${shown} can only update spec.protection of tasks`;
  }
  const pod = deps.read('pods', '', request.namespace, before.metadata.name ?? '') as Pod | undefined;
  const owner = pod?.metadata.ownerReferences?.find(({ controller }) => controller);
  if (pod?.spec?.nodeName !== node || owner?.uid !== before.metadata.uid) {
    return `node ${shown} can only update tasks whose pods it runs`;
  }
  return semanticEqual(withoutProtection(wanted), withoutProtection(before))
    ? undefined
    : `node ${shown} can only update spec.protection of tasks`;
};

/** Who wrote which field, and when, is the server's own note. */
function withoutProtection({ metadata, spec, status }: Task): object {
  const { managedFields: _fields, resourceVersion: _version, generation: _generation, ...kept } = metadata;
  const { protection: _protection, ...rest } = spec;
  return { metadata: kept, spec: rest, status };
}

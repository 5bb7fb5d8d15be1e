/**
 * Whoever writes a field of ECS that has no effect here hears so at once, not only who reads the condition `FieldsWithoutEffect` later. And what no rule
 * of a schema can say is refused: an expression that is none of the cluster query language, or that the scheduler cannot follow.
 */
import { parseQuery } from '@slipway/api/ecs/cluster-query';
import type { CapacityProvider, Cluster, Service, Task, TaskDefinition } from '@slipway/api/ecs/kinds';
import { QueryError } from '@slipway/api/ecs/query-expression';
import {
  clusterLosses,
  definitionLosses,
  launchLosses,
  providerLosses,
  serviceLosses,
} from '@slipway/api/ecs/without-effect';
import { sameJson } from '../../registry/same-json.ts';
import type { KubeObject } from '@slipway/api/types';
import { type FieldError, invalid, invalidError } from '@slipway/api/validation/field-error';
import type { AdmissionPlugin } from '../plugin.ts';

/** Resource → what of an object has no effect. */
const losses: Readonly<Record<string, (object: KubeObject) => readonly string[]>> = {
  capacityproviders: (object) => providerLosses(object as CapacityProvider),
  clusters: (object) => clusterLosses(object as Cluster),
  services: (object) => serviceLosses(object as Service),
  taskdefinitions: (object) => definitionLosses((object as TaskDefinition).spec),
  // Those of a service were told to whoever made the service.
  tasks: (object) => ((object as Task).spec.serviceName === undefined ? launchLosses((object as Task).spec) : []),
};

interface WithConstraints extends KubeObject {
  readonly spec?: {
    readonly placementConstraints?: readonly { readonly type?: string; readonly expression?: string }[];
  };
}

export const ecsFields: AdmissionPlugin = {
  name: 'EcsFields',
  on: [{ operations: ['CREATE', 'UPDATE'], group: 'ecs.slipway.dev', resources: Object.keys(losses) }],

  validate({ draft, old, request, warnings }) {
    const object = draft as WithConstraints | undefined;
    const before = old as WithConstraints | undefined;
    if (!object || (before && sameJson(object.spec, before.spec))) return;
    const errors = expressionErrors(object);
    if (errors.length > 0) throw invalidError(request.api.kind, request.api.group, object.metadata.name ?? '', errors);
    const lost = losses[request.api.resource]?.(object) ?? [];
    warnings.push(...lost.map((text) => `no effect: spec.${text}`));
  },
};

function expressionErrors({ spec }: WithConstraints): readonly FieldError[] {
  return (spec?.placementConstraints ?? []).flatMap(({ type, expression = '' }, index) => {
    if (type !== 'memberOf') return [];
    try {
      parseQuery(expression);
      return [];
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      return [invalid(`spec.placementConstraints[${index}].expression`, expression, error.message)];
    }
  });
}

/** Tags of whatever an ARN names. They stand in the object's spec. */
import { type ParsedArn, parseArn } from '../identity/arns.ts';
import { objectName } from '../identity/object-names.ts';
import type { EcsKind } from '../kinds.ts';
import type {
  ListTagsForResourceRequest,
  Tag,
  TagResourceRequest,
  UntagResourceRequest,
} from '../model/generated/types.ts';
import { EcsError, invalidParameter } from '../wire/ecs-error.ts';
import type { Place } from '../user-objects.ts';
import { findCluster } from './cluster-reference.ts';
import type { OperationContext } from './context.ts';
import { checkTags } from './tag-rules.ts';
import { findDefinition, nameOf } from './task-definitions.ts';
import type { KubeObject } from '@slipway/api/types';

type TaggedObject = KubeObject & { readonly spec: { readonly tags?: readonly Tag[] } };

export async function tagResource({ resourceArn, tags }: TagResourceRequest, context: OperationContext) {
  const { kind, place } = targetOf(resourceArn, context);
  checkTags(tags);
  await changeTags(kind, place, context, (before) => {
    const merged = new Map(before.map((tag) => [tag.key, tag]));
    for (const tag of tags) merged.set(tag.key, tag);
    const all = [...merged.values()];
    checkTags(all);
    return all;
  });
  return {};
}

export async function untagResource({ resourceArn, tagKeys }: UntagResourceRequest, context: OperationContext) {
  const { kind, place } = targetOf(resourceArn, context);
  await changeTags(kind, place, context, (before) => before.filter(({ key = '' }) => !tagKeys.includes(key)));
  return {};
}

async function changeTags(
  kind: EcsKind,
  place: Place,
  { objects }: OperationContext,
  change: (before: readonly Tag[]) => readonly Tag[],
): Promise<void> {
  await objects.change<TaggedObject>(kind, place, ({ spec }) => ({ spec: { tags: change(spec.tags ?? []) } }));
}

export function listTagsForResource({ resourceArn }: ListTagsForResourceRequest, context: OperationContext) {
  const { kind, place, object } = targetOf(resourceArn, context);
  context.objects.get(kind, place);
  return { tags: object.spec.tags ?? [] };
}

/** Throws EcsError. */
function targetOf(resourceArn: string, context: OperationContext) {
  const arn = parseArn(resourceArn);
  if (!arn) throw invalidParameter(`Invalid identifier: ${resourceArn.slice(0, 200)}`);
  const found = placeOf(arn, context);
  const object = found && context.objects.resolve<TaggedObject>(found.kind, found.place);
  if (!found || !object) {
    throw new EcsError('ResourceNotFoundException', `The specified resource was not found: ${resourceArn}`);
  }
  return { ...found, object };
}

function placeOf(arn: ParsedArn, context: OperationContext): { kind: EcsKind; place: Place } | undefined {
  const last = arn.parts.at(-1) ?? '';
  const inCluster = (kind: EcsKind, name: string) => {
    const cluster = arn.parts.length > 1 ? findCluster(arn.parts[0], context) : undefined;
    return cluster && { kind, place: { namespace: cluster.namespace, name } };
  };
  switch (arn.kind) {
    case 'task-definition': {
      const definition = findDefinition(last, context);
      return definition && { kind: 'TaskDefinition', place: nameOf(definition) };
    }
    case 'cluster':
      return { kind: 'Cluster', place: { name: objectName('cluster', last) } };
    case 'capacity-provider':
      return { kind: 'CapacityProvider', place: { name: objectName('capacityProvider', last) } };
    case 'container-instance':
      return { kind: 'ContainerInstance', place: { name: last } };
    case 'task':
      return inCluster('Task', last);
    case 'service':
      return inCluster('Service', objectName('service', last));
    default:
      return undefined;
  }
}

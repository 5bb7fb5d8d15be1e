/** Register, deregister, delete, describe and list task definitions. */
import { isStatus } from '@slipway/api/status-error';
import { formatTime } from '@slipway/kit/clock';
import { nameFrom } from '../identity/arns.ts';
import { objectName, taskDefinitionName } from '../identity/object-names.ts';
import type { TaskDefinitionFamilyObject, TaskDefinitionObject } from '../kinds.ts';
import type {
  DeleteTaskDefinitionsRequest,
  DeregisterTaskDefinitionRequest,
  DescribeTaskDefinitionRequest,
  ListTaskDefinitionFamiliesRequest,
  ListTaskDefinitionsRequest,
  RegisterTaskDefinitionRequest,
} from '../model/generated/types.ts';
import { shownTaskDefinition } from '../shown/task-definition.ts';
import { type DefinitionStatus, type Family, statusOf } from '../task-definition-index.ts';
import { clientException, invalidParameter } from '../wire/ecs-error.ts';
import type { OperationContext } from './context.ts';
import { pageOf } from './paging.ts';
import { checkTags } from './tag-rules.ts';
import { normalizedDefinition } from './task-definition-rules.ts';

/** Its controller lets a deleted definition go when nothing uses it any more. */
const definitionFinalizer = 'slipway.dev/ecs';

export async function registerTaskDefinition(request: RegisterTaskDefinitionRequest, context: OperationContext) {
  const { tags = [], ...definition } = normalizedDefinition(request, context.requestBytes);
  checkTags(tags);
  const { objects, definitions, caller } = context;
  const { family } = definition;
  const created = await definitions.withNextRevision(family, async (revision) => {
    const spec = { ...definition, revision, status: 'ACTIVE', registeredBy: caller.user.name };
    const body = {
      metadata: { name: taskDefinitionName(family, revision), finalizers: [definitionFinalizer] },
      spec: { ...spec, ...(tags.length ? { tags } : {}) },
    };
    try {
      return await objects.create<TaskDefinitionObject>('TaskDefinition', body);
    } catch (error) {
      if (isStatus(error, 'AlreadyExists')) return 'taken';
      throw error;
    }
  });
  return { taskDefinition: shownTaskDefinition(created, context.arns), tags };
}

export async function deregisterTaskDefinition(
  { taskDefinition }: DeregisterTaskDefinitionRequest,
  { objects, definitions, arns, nowMs }: OperationContext,
) {
  const { family, revision } = parsedReference(taskDefinition);
  if (revision === undefined) throw clientException('Revision is missing.');
  const found = definitions.family(family)?.revisions.get(revision);
  if (!found) throw clientException('The specified task definition does not exist.');
  if (statusOf(found) !== 'ACTIVE') return { taskDefinition: shownTaskDefinition(found, arns) };
  const changed = await objects.patch<TaskDefinitionObject>('TaskDefinition', nameOf(found), {
    spec: { status: 'INACTIVE', deregisteredAt: formatTime(nowMs) },
  });
  return { taskDefinition: shownTaskDefinition(changed, arns) };
}

const deletedMax = 10;

export async function deleteTaskDefinitions(
  { taskDefinitions }: DeleteTaskDefinitionsRequest,
  context: OperationContext,
) {
  if (taskDefinitions.length === 0) throw invalidParameter('TaskDefinitions cannot be empty.');
  if (taskDefinitions.length > deletedMax) {
    throw invalidParameter(`taskDefinitions can have at most ${deletedMax} items.`);
  }
  const deleted: object[] = [];
  const failures: object[] = [];
  for (const reference of taskDefinitions) {
    const outcome = await deleteOne(reference, context);
    if ('reason' in outcome) failures.push({ arn: reference, ...outcome });
    else deleted.push(shownTaskDefinition(outcome, context.arns));
  }
  return { taskDefinitions: deleted, failures };
}

async function deleteOne(
  reference: string,
  { objects, definitions, nowMs }: OperationContext,
): Promise<TaskDefinitionObject | { readonly reason: string; readonly detail?: string }> {
  const { family, revision } = parsedReference(reference);
  if (revision === undefined) return { reason: 'INVALID_ARN', detail: 'Revision is missing.' };
  const known = definitions.family(family);
  const found = known?.revisions.get(revision);
  if (!known || !found) return { reason: 'MISSING', detail: 'The specified task definition does not exist.' };
  if (statusOf(found) === 'ACTIVE') {
    return {
      reason: 'The specified task definition is still in ACTIVE status. Please deregister the target and try again.',
    };
  }
  if (revision === known.highest) await rememberRevision(objects, family, revision);
  const place = nameOf(found);
  await objects.remove('TaskDefinition', place);
  await objects.refresh();
  const left = objects.get<TaskDefinitionObject>('TaskDefinition', place);
  return left ?? { ...found, metadata: { ...found.metadata, deletionTimestamp: formatTime(nowMs) } };
}

/** A number is not given twice, even when its definition is gone. */
async function rememberRevision(objects: OperationContext['objects'], family: string, revision: number): Promise<void> {
  const name = objectName('family', family);
  const known = objects.get<TaskDefinitionFamilyObject>('TaskDefinitionFamily', { name });
  if (known && known.spec.lastRevision >= revision) return;
  const spec = { family, lastRevision: revision };
  if (known) {
    await objects.patch('TaskDefinitionFamily', { name }, { spec });
    return;
  }
  await objects.create<TaskDefinitionFamilyObject>('TaskDefinitionFamily', { metadata: { name }, spec });
}

export function describeTaskDefinition(
  { taskDefinition, include = [] }: DescribeTaskDefinitionRequest,
  context: OperationContext,
) {
  const found = findDefinition(taskDefinition, context);
  if (!found) throw clientException('Unable to describe task definition.');
  context.objects.get('TaskDefinition', nameOf(found));
  return {
    taskDefinition: shownTaskDefinition(found, context.arns),
    ...(include.includes('TAGS') ? { tags: found.spec.tags ?? [] } : {}),
  };
}

export function listTaskDefinitions(
  request: ListTaskDefinitionsRequest,
  { objects, definitions, arns }: OperationContext,
) {
  objects.mayList('TaskDefinition');
  const { familyPrefix, status = 'ACTIVE', sort = 'ASC' } = request;
  // Here the "prefix" is a whole family.
  const families = familyPrefix === undefined ? definitions.familyNames() : [familyPrefix];
  const inOrder = sort === 'DESC' ? [...families].reverse() : families;
  const references = inOrder.flatMap((name) => {
    const family = definitions.family(name);
    return family ? referencesOf(family, status, sort) : [];
  });
  const isBefore = (one: string, other: string) =>
    sort === 'DESC' ? comesBefore(other, one) : comesBefore(one, other);
  const { items, nextToken } = pageOf(references, request, isBefore);
  const taskDefinitionArns = items.map((reference) => {
    const [name = '', revision = ''] = reference.split(':');
    return arns.taskDefinition(name, revision);
  });
  return { taskDefinitionArns, ...(nextToken === undefined ? {} : { nextToken }) };
}

function referencesOf({ name, revisions }: Family, status: DefinitionStatus, sort: 'ASC' | 'DESC'): readonly string[] {
  const numbers = [...revisions].filter(([, definition]) => statusOf(definition) === status).map(([number]) => number);
  numbers.sort((one, other) => (sort === 'DESC' ? other - one : one - other));
  return numbers.map((revision) => `${name}:${revision}`);
}

/** By family, then by number. */
function comesBefore(one: string, other: string): boolean {
  const [family = '', revision = ''] = one.split(':');
  const [otherFamily = '', otherRevision = ''] = other.split(':');
  return family === otherFamily ? Number(revision) < Number(otherRevision) : family < otherFamily;
}

export function listTaskDefinitionFamilies(
  request: ListTaskDefinitionFamiliesRequest,
  { objects, definitions }: OperationContext,
) {
  objects.mayList('TaskDefinition');
  const { familyPrefix = '', status = 'ALL' } = request;
  const names = definitions.familyNames().filter((name) => {
    if (!name.startsWith(familyPrefix)) return false;
    // A family is ACTIVE while one of its revisions is.
    return status === 'ALL' || (definitions.newest(name) !== undefined) === (status === 'ACTIVE');
  });
  const { items, nextToken } = pageOf(names, request);
  return { families: items, ...(nextToken === undefined ? {} : { nextToken }) };
}

export interface DefinitionReference {
  readonly family: string;
  /** Undefined: the newest ACTIVE one. */
  readonly revision: number | undefined;
}

/** `FAMILY`, `FAMILY:REVISION` or an ARN. Throws EcsError. */
export function parsedReference(reference: string): DefinitionReference {
  const [, family = '', revision] =
    /^([A-Za-z0-9_-]{1,255})(?::(\d{1,10}))?$/.exec(nameFrom('task-definition', reference)) ?? [];
  if (family === '')
    throw clientException(`Invalid revision number. Number: ${reference.split(':').at(-1)?.slice(0, 100)}`);
  return { family, revision: revision === undefined ? undefined : Number(revision) };
}

/** The one that is named, or the newest ACTIVE one of a family. */
export function findDefinition(reference: string, { definitions }: OperationContext): TaskDefinitionObject | undefined {
  const { family, revision } = parsedReference(reference);
  return revision === undefined ? definitions.newest(family) : definitions.family(family)?.revisions.get(revision);
}

/** One that something new may begin with, as `FAMILY:REVISION`. Throws EcsError. */
export function usableDefinition(reference: string, context: OperationContext): TaskDefinitionObject {
  const found = findDefinition(reference, context);
  if (!found) throw clientException('TaskDefinition not found.');
  if (statusOf(found) !== 'ACTIVE') throw invalidParameter('TaskDefinition is inactive');
  return found;
}

/** `FAMILY:REVISION` */
export function shortReference({ spec }: TaskDefinitionObject): string {
  return `${spec.family}:${spec.revision}`;
}

export function nameOf({ metadata }: TaskDefinitionObject): { readonly name: string } {
  return { name: metadata.name ?? '' };
}

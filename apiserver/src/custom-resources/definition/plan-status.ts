/** What a definition's status becomes: whose names are accepted, and whether it can be served. Pure. */
import { sameJson } from '@slipway/api/patch/json-value';
import {
  conditionOf,
  type CustomResourceDefinition,
  type DefinitionCondition,
  type DefinitionNames,
  type DefinitionStatus,
  withCondition,
} from './definition.ts';
import { approvalOf } from './validate-definition.ts';

/** Names that others of the group have already. */
export interface TakenNames {
  /** Plurals, singulars and short names, which clients do not tell apart. */
  readonly resources: ReadonlySet<string>;
  /** Kinds and list kinds. */
  readonly kinds: ReadonlySet<string>;
}

export function takenNames(names: readonly DefinitionNames[]): TakenNames {
  return {
    resources: new Set(
      names.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular ?? '', ...shortNames]).filter(Boolean),
    ),
    kinds: new Set(names.flatMap(({ kind, listKind }) => [kind, listKind ?? '']).filter(Boolean)),
  };
}

/** The same object when nothing changes. */
export function planStatus(definition: CustomResourceDefinition, taken: TakenNames, now: string): DefinitionStatus {
  const { spec, status = {} } = definition;
  const { accepted, problem } = acceptNames(spec.names, status.acceptedNames, taken);
  let conditions: DefinitionCondition[] = [...(status.conditions ?? [])];
  conditions = withCondition(conditions, namesCondition(problem), now);
  conditions = withCondition(conditions, establishedCondition(definition, problem !== undefined), now);
  conditions = withApproval(definition, conditions, now);
  const next = { ...status, conditions, acceptedNames: accepted };
  return sameJson(next, status) ? status : next;
}

interface Problem {
  readonly reason: string;
  readonly message: string;
}

/** What is free is accepted; what is not keeps its old name, and the first conflict is told. */
function acceptNames(wanted: DefinitionNames, before: DefinitionNames | undefined, taken: TakenNames) {
  const accepted: DefinitionNames = { plural: '', kind: '', ...before };
  const problems: Problem[] = [];
  const accept = <K extends 'plural' | 'singular' | 'kind' | 'listKind'>(
    field: K,
    inUse: ReadonlySet<string>,
    reason: string,
  ) => {
    const name = wanted[field];
    if (name !== undefined && inUse.has(name))
      problems.push({ reason, message: `${JSON.stringify(name)} is already in use` });
    else if (name !== undefined) accepted[field] = name;
  };
  accept('plural', taken.resources, 'PluralConflict');
  accept('singular', taken.resources, 'SingularConflict');
  const shorts = (wanted.shortNames ?? []).filter((name) => taken.resources.has(name));
  if (shorts.length > 0) {
    problems.push({
      reason: 'ShortNamesConflict',
      message: shorts.map((name) => `${JSON.stringify(name)} is already in use`).join(', '),
    });
  } else setOrDrop(accepted, 'shortNames', wanted.shortNames);
  accept('kind', taken.kinds, 'KindConflict');
  accept('listKind', taken.kinds, 'ListKindConflict');
  setOrDrop(accepted, 'categories', wanted.categories);
  return { accepted, problem: problems[0] };
}

function setOrDrop(names: DefinitionNames, field: 'shortNames' | 'categories', value: string[] | undefined): void {
  if (value === undefined) delete names[field];
  else names[field] = value;
}

function namesCondition(problem: Problem | undefined): DefinitionCondition {
  if (problem) return { type: 'NamesAccepted', status: 'False', ...problem };
  return { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' };
}

/** Once established, a definition stays so: objects may exist. */
function establishedCondition(definition: CustomResourceDefinition, hasConflict: boolean): DefinitionCondition {
  const known = conditionOf(definition, 'Established');
  if (known?.status === 'True') return known;
  if (hasConflict) {
    return { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  }
  return {
    type: 'Established',
    status: 'True',
    reason: 'InitialNamesAccepted',
    message: 'the initial names have been accepted',
  };
}

function withApproval(
  definition: CustomResourceDefinition,
  conditions: DefinitionCondition[],
  now: string,
): DefinitionCondition[] {
  const approval = approvalOf(definition);
  if (!approval) return conditions;
  const type = 'KubernetesAPIApprovalPolicyConformant';
  const { state, reason: message } = approval;
  const byState = {
    approved: { status: 'True', reason: 'ApprovedAnnotation' },
    bypassed: { status: 'False', reason: 'UnapprovedAnnotation' },
    missing: { status: 'False', reason: 'MissingAnnotation' },
    invalid: { status: 'False', reason: 'InvalidAnnotation' },
  } as const;
  return withCondition(conditions, { type, ...byState[state], message }, now);
}

export function deletionCondition(isDone: boolean): DefinitionCondition {
  return isDone
    ? { type: 'Terminating', status: 'False', reason: 'InstanceDeletionCompleted', message: 'removed all instances' }
    : {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionInProgress',
        message: 'CustomResource deletion is in progress',
      };
}

/**
 * Type checking of a ValidatingAdmissionPolicy: its expressions against the schemas of the kinds that its rules name. What it finds are
 * warnings for the author, as the same expressions run on objects without types. Source: the field `status.typeChecking` upstream.
 */
import type {
  ExpressionWarning,
  GroupVersionKind,
  NamedRuleWithOperations,
  ValidatingAdmissionPolicy,
} from '@slipway/api/types';
import type { ObjectSchema } from '@slipway/api/schema/structural-schema';
import type { CelType } from '@slipway/cel/cel-type';
import { compiledExpression, compiledVariables, type Context } from '../expressions/expression.ts';
import { typeOfKind } from '../expressions/variable-types.ts';

/** Upstream's limit on the kinds that a policy is checked against. */
const kindsMax = 10;

export interface CheckedKind {
  readonly kind: GroupVersionKind;
  readonly schema: ObjectSchema;
}

/** What is served, as type checking asks for it. */
export interface KindCatalog {
  byResource(resource: {
    readonly group: string;
    readonly version: string;
    readonly resource: string;
  }): CheckedKind | undefined;
  byKind(kind: GroupVersionKind): CheckedKind | undefined;
}

/** One expression of the policy. */
interface Checked {
  readonly fieldRef: string;
  readonly text: string;
}

/** Step by step, so that whoever asks can let others work between two expressions. */
export function* typeCheck(
  { spec }: ValidatingAdmissionPolicy,
  catalog: KindCatalog,
): Generator<ExpressionWarning | undefined> {
  const kinds = kindsToCheck(spec.matchConstraints?.resourceRules ?? [], catalog);
  const params = paramsType(spec, catalog);
  const contexts = kinds.map(({ kind, schema }) => {
    const types = { object: typeOfKind(schema), params };
    const known: Context = { hasParams: params !== undefined, types };
    return { kind, context: compiledVariables(spec.variables ?? [], known).context };
  });
  for (const { fieldRef, text } of expressionsOf(spec)) {
    const warnings = contexts.flatMap(({ kind, context }) => {
      const { issue } = compiledExpression(text, 'any', context);
      return issue === undefined ? [] : [`${kindText(kind)}: ${issue}\n`];
    });
    yield warnings.length === 0 ? undefined : { fieldRef, warning: warnings.join('\n') };
  }
}

function expressionsOf({ validations = [] }: ValidatingAdmissionPolicy['spec']): Checked[] {
  return validations.flatMap(({ expression, messageExpression }, i) => {
    const at = `spec.validations[${i}]`;
    const own = [{ fieldRef: `${at}.expression`, text: expression }];
    return messageExpression ? [...own, { fieldRef: `${at}.messageExpression`, text: messageExpression }] : own;
  });
}

function paramsType({ paramKind }: ValidatingAdmissionPolicy['spec'], catalog: KindCatalog): CelType | undefined {
  if (!paramKind) return undefined;
  const { apiVersion = '', kind = '' } = paramKind;
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const found = catalog.byKind({ group, version, kind });
  return found && typeOfKind(found.schema);
}

/** Those that rules name without wildcards, each once, in order. */
function kindsToCheck(rules: readonly NamedRuleWithOperations[], catalog: KindCatalog): CheckedKind[] {
  const found = new Map<string, CheckedKind>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    if ([...apiGroups, ...apiVersions].some((each) => each.includes('*'))) continue;
    for (const group of apiGroups) {
      for (const version of apiVersions) {
        for (const resource of resources) {
          if (found.size >= kindsMax) break;
          const kind = /[*/]/.test(resource) ? undefined : catalog.byResource({ group, version, resource });
          if (kind) found.set(kindText(kind.kind), kind);
        }
      }
    }
  }
  return [...found.values()].sort((a, b) => compare(sortKey(a), sortKey(b)));
}

function sortKey({ kind: { group, version, kind } }: CheckedKind): string {
  return [group, version, kind].join('\0');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function kindText({ group, version, kind }: GroupVersionKind): string {
  return `${group}/${version}, Kind=${kind}`;
}

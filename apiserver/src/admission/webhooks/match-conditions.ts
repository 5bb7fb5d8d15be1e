import type { ServedResource } from '../../registry/kinds.ts';
import { conditionsHold } from '../expressions/expression.ts';
import { writeValues } from '../expressions/write-values.ts';
import type { AdmissionDeps, AdmissionWrite } from '../plugin.ts';
import { internalError, type Webhook } from './webhook.ts';

/** Whether the conditions in CEL hold. One that cannot be evaluated is a webhook that fails. Throws StatusError InternalError. */
export function matchesConditions(
  { conditions, spec }: Webhook,
  write: AdmissionWrite,
  served: ServedResource,
  deps: AdmissionDeps,
): boolean {
  if (conditions.all.length === 0) return true;
  const { holds, problem } = conditionsHold(conditions, writeValues(write, served, deps));
  if (problem === undefined || spec.failurePolicy === 'Ignore') return holds;
  throw internalError(`failed calling webhook ${JSON.stringify(spec.name)}: match conditions: ${problem}`);
}

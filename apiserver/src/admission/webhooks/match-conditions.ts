import type { Phase } from '../../metrics/admission-metrics.ts';
import type { ServedResource } from '../../registry/kinds.ts';
import { writeValues } from '../expressions/write-values.ts';
import type { AdmissionDeps, AdmissionWrite } from '../plugin.ts';
import { measure } from '../policies/measured-conditions.ts';
import { internalError, type Webhook } from './webhook.ts';

/** Whether the conditions in CEL hold. One that cannot be evaluated is a webhook that fails. Throws StatusError InternalError. */
export function matchesConditions(
  { conditions, spec }: Webhook,
  write: AdmissionWrite,
  served: ServedResource,
  deps: AdmissionDeps,
  phase: Phase,
): boolean {
  if (conditions.all.length === 0) return true;
  const { operation } = write.request;
  const labels = { name: spec.name, kind: 'webhook', phase, operation } as const;
  const { holds, problem } = measure(conditions, writeValues(write, served, deps), deps, labels);
  if (problem === undefined || spec.failurePolicy === 'Ignore') return holds;
  throw internalError(`failed calling webhook ${JSON.stringify(spec.name)}: match conditions: ${problem}`);
}

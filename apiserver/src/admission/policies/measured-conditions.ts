import type { ConditionsOutcome, Phase } from '../../metrics/admission-metrics.ts';
import { type Conditions, conditionsHold } from '../expressions/expression.ts';
import type { AdmissionDeps, AdmissionWrite } from '../plugin.ts';

/** As `conditionsHold`, and counted. */
export function measuredConditions(
  { policy, conditions }: { readonly policy: { metadata: { name?: string } }; readonly conditions: Conditions },
  phase: Phase,
  values: Readonly<Record<string, unknown>>,
  write: AdmissionWrite,
  deps: AdmissionDeps,
): ReturnType<typeof conditionsHold> {
  return measure(conditions, values, deps, {
    name: policy.metadata.name ?? '',
    kind: 'policy',
    phase,
    operation: write.request.operation,
  });
}

export function measure(
  conditions: Conditions,
  values: Readonly<Record<string, unknown>>,
  { clock, metrics }: AdmissionDeps,
  labels: Omit<ConditionsOutcome, 'seconds' | 'result'>,
): ReturnType<typeof conditionsHold> {
  if (conditions.all.length === 0) return { holds: true };
  const beganMs = clock.monotonicMs();
  const outcome = conditionsHold(conditions, values);
  const result = outcome.problem !== undefined ? 'error' : outcome.holds ? 'match' : 'exclusion';
  metrics.conditions({ ...labels, seconds: (clock.monotonicMs() - beganMs) / 1000, result });
  return outcome;
}

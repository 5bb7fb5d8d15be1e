import type { MatchCondition, ValidatingWebhook } from '@slipway/api/types';
import type { ServedResource } from '../../registry/kinds.ts';
import type { AdmissionDeps, AdmissionWrite } from '../plugin.ts';
import { internalError } from './webhook.ts';

/** Conditions in CEL, which this server does not read yet: whoever has any is treated as a webhook that fails. */
export function matchesConditions(
  {
    name,
    matchConditions,
    failurePolicy,
  }: Pick<ValidatingWebhook, 'name' | 'failurePolicy'> & {
    readonly matchConditions?: readonly MatchCondition[];
  },
  _write: AdmissionWrite,
  _served: ServedResource,
  _deps: AdmissionDeps,
): boolean {
  if (!matchConditions?.length) return true;
  if (failurePolicy === 'Ignore') return false;
  throw internalError(`failed calling webhook ${JSON.stringify(name)}: its matchConditions cannot be evaluated`);
}

import { IndexSet } from '@slipway/api/completion-indexes';
import type { Job } from '@slipway/api/types';

/** The message of the condition when a rule of the policy is met; undefined when none is. */
export function metSuccessRule({ spec }: Job, succeeded: IndexSet): string | undefined {
  if (succeeded.size === 0) return undefined;
  const at = (spec.successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && succeeded.size >= succeededCount;
    const wanted = IndexSet.parse(succeededIndexes, spec.completions ?? 0);
    const shared = wanted.countShared(succeeded);
    return wanted.size > 0 && (shared === wanted.size || (succeededCount !== undefined && shared >= succeededCount));
  });
  return at === -1 ? undefined : `Matched rules at index ${at}`;
}

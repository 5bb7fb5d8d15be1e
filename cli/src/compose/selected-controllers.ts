import { checkedSelection, UnknownControllerError } from '@slipway/controllers';
import type { Config } from '../config.ts';
import { UsageError } from '../usage-error.ts';

/** The list of `--controllers`. Throws `UsageError` for a name that no controller has, so that nothing starts without the one that was meant. */
export function selectedControllers({ controllers }: Pick<Config, 'controllers'>): readonly string[] {
  const list = controllers.split(',');
  try {
    checkedSelection(list);
  } catch (error) {
    if (error instanceof UnknownControllerError) throw new UsageError(`--controllers: ${error.message}`);
    throw error;
  }
  return list;
}

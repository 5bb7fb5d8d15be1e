import { backupStore } from '@slipway/apiserver';
import type { RunCommand } from '../command.ts';
import { storePlace } from '../compose/storage.ts';
import { UsageError } from '../usage-error.ts';

export const backup: RunCommand = async ({ config, operands, clock, signal, print }) => {
  const [file, ...rest] = operands;
  if (!file || rest.length > 0) throw new UsageError('usage: slipway backup FILE');
  const { revision, entries, sizeBytes } = await backupStore(await storePlace(config), file, { clock, signal });
  print(`backed up ${entries} objects at revision ${revision} to ${file} (${(sizeBytes / 1e6).toFixed(1)} MB)`);
};

import { installPlugins } from '@slipway/cni';
import type { RunCommand } from '../command.ts';
import { UsageError } from '../usage-error.ts';

export const cni: RunCommand = async ({ operands, print }) => {
  const [verb, directory, ...rest] = operands;
  if (verb !== 'install' || directory === undefined || rest.length > 0)
    throw new UsageError('usage: slipway cni install DIR');
  for (const path of await installPlugins(directory)) print(path);
};

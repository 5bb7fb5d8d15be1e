import { installPlugins } from '@slipway/cni';
import type { Command } from '../command.ts';
import { UsageError } from '../usage-error.ts';

export const cni: Command = {
  name: 'cni',
  operands: 'install DIR',
  summary: 'our CNI plugins as executables, for any runtime',
  flags: ['help'],
  run: async ({ operands, print }) => {
    const [verb, directory, ...rest] = operands;
    if (verb !== 'install' || directory === undefined || rest.length > 0)
      throw new UsageError('usage: slipway cni install DIR');
    for (const path of await installPlugins(directory)) print(path);
  },
};

import type { Command } from '../command.ts';
import { versionText } from '../version.ts';

export const version: Command = {
  name: 'version',
  summary: 'print the versions',
  flags: ['help'],
  run: async ({ print }) => print(versionText()),
};

import { join } from 'node:path';
import { exec } from '@slipway/kit/exec';
import { builtInPlugins } from '../plugins/built-in-plugins.ts';
import { installPlugins } from '../plugins/install-plugins.ts';
import { createPluginCaller } from '../skeleton/call-plugin.ts';
import { createExecCaller } from '../skeleton/exec-plugin.ts';
import type { CallPlugin } from '../skeleton/plugin.ts';
import type { TestNetwork } from './test-network.ts';

/** How plugins are called in a throw-away machine. */
export interface Reach {
  readonly name: string;
  /** A call costs a process: suites leave out what would only run the same code again. */
  readonly isSlow: boolean;
  readonly open: (network: TestNetwork) => Promise<{ readonly call: CallPlugin; readonly path: readonly string[] }>;
}

export const inProcess: Reach = {
  name: 'in process',
  isSlow: false,
  open: async ({ host, hostNetns }) => ({
    call: createPluginCaller({ plugins: builtInPlugins, host, exec, env: process.env, netns: hostNetns }),
    path: [],
  }),
};

export const asExecutables: Reach = {
  name: 'as executables',
  isSlow: true,
  open: async ({ directory, hostNetns }) => {
    const bin = join(directory, 'bin');
    await installPlugins(bin);
    return { call: createExecCaller({ exec, env: { PATH: process.env.PATH }, netns: hostNetns }), path: [bin] };
  },
};

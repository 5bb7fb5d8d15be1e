import { join } from 'node:path';
import { exec } from '@slipway/kit/exec';
import { builtInPlugins } from '../plugins/built-in-plugins.ts';
import { installPlugins } from '../plugins/install-plugins.ts';
import { createPluginCaller } from '../skeleton/call-plugin.ts';
import { createExecCaller } from '../skeleton/exec-plugin.ts';
import { describeOurPlugins, describePlugins, type PluginSuiteOptions } from './plugin.suite.ts';

const inProcess: PluginSuiteOptions = {
  reach: async ({ host, hostNetns }) => ({
    call: createPluginCaller({ plugins: builtInPlugins, host, exec, env: process.env, netns: hostNetns }),
    path: [],
  }),
};

const asExecutables: PluginSuiteOptions = {
  reach: async ({ directory, hostNetns }) => {
    const bin = join(directory, 'bin');
    await installPlugins(bin);
    return { call: createExecCaller({ exec, env: { PATH: process.env.PATH }, netns: hostNetns }), path: [bin] };
  },
};

describePlugins('in process', inProcess);
describeOurPlugins('in process', inProcess);
describePlugins('as executables', asExecutables);
describeOurPlugins('as executables', asExecutables);

import { existsSync } from 'node:fs';
import { exec } from '@slipway/kit/exec';
import { describeWith } from '@slipway/kit/testing/capabilities';
import { builtInPlugins } from '../plugins/built-in-plugins.ts';
import { createPluginCaller } from '../skeleton/call-plugin.ts';
import { createExecCaller } from '../skeleton/exec-plugin.ts';
import { describeChain } from './chain.suite.ts';

/** Where Debian's containernetworking-plugins puts them. */
const upstreamPath = '/usr/lib/cni';

describeChain('ours in process', {
  cniVersion: '1.1.0',
  path: [],
  call: ({ host, hostNetns }) =>
    createPluginCaller({ plugins: builtInPlugins, host, exec, env: process.env, netns: hostNetns }),
});

describeWith(
  existsSync(`${upstreamPath}/bridge`) ? undefined : 'the package containernetworking-plugins',
  "CNI chain of the upstream's executables",
  () =>
    describeChain("upstream's executables", {
      cniVersion: '1.0.0',
      path: [upstreamPath],
      cannotCheckMappings: true,
      call: ({ hostNetns }) => createExecCaller({ exec, env: { PATH: process.env.PATH }, netns: hostNetns }),
    }),
);

import { existsSync } from 'node:fs';
import { exec } from '@slipway/kit/exec';
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

if (existsSync(`${upstreamPath}/bridge`)) {
  describeChain("upstream's executables", {
    cniVersion: '1.0.0',
    path: [upstreamPath],
    cannotCheckMappings: true,
    call: ({ hostNetns }) => createExecCaller({ exec, env: { PATH: process.env.PATH }, netns: hostNetns }),
  });
} else {
  describe.skip("CNI chain, upstream's executables (needs the package containernetworking-plugins)", () => {
    it('runs', () => {});
  });
}

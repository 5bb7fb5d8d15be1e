import { neverAborted } from '@slipway/kit/abort';
import type { PluginCase } from '../../conformance/plugin-case.ts';
import { bridgeCase } from '../bridge/bridge.case.ts';
import { portmapTableName } from './portmap-ruleset.ts';

export const portmapCase: PluginCase = {
  type: 'portmap',
  role: 'chained',
  after: bridgeCase,
  config: () => ({}),
  configOf: (containerNumber) => ({
    runtimeConfig: {
      portMappings: [
        { hostPort: 8100 + containerNumber, containerPort: 80, protocol: 'tcp' },
        { hostPort: 8100 + containerNumber, containerPort: 80, protocol: 'udp', hostIP: '127.0.0.1' },
      ],
    },
  }),
  damage: ({ host }) => host.nft(`flush map inet ${portmapTableName('cni')} any4\n`, { signal: neverAborted }),
};

import { neverAborted } from '@slipway/kit/abort';
import type { PluginCase } from '../../conformance/plugin-case.ts';
import { bridgeCase } from '../bridge/bridge.case.ts';

export const bandwidthCase: PluginCase = {
  type: 'bandwidth',
  role: 'chained',
  after: bridgeCase,
  config: () => ({
    ingressRate: 8_000_000,
    ingressBurst: 800_000,
    runtimeConfig: {
      bandwidth: { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 16_000_000, egressBurst: 800_000 },
    },
  }),
  damage: ({ host }, { result }) =>
    host.tc([`qdisc del dev ${result.interfaces[1]?.name} root`], { signal: neverAborted }),
};

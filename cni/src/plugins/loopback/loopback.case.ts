import { neverAborted } from '@slipway/kit/abort';
import type { PluginCase } from '../../conformance/plugin-case.ts';

export const loopbackCase: PluginCase = {
  type: 'loopback',
  role: 'chained',
  ifName: 'lo',
  config: () => ({}),
  damage: ({ host }, { netns }) => host.ip(['link set lo down'], { netns, signal: neverAborted }),
  hasNothingToCollect: true,
};

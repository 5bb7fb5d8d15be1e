import type { PluginCase } from '../../conformance/plugin-case.ts';

export const staticCase: PluginCase = {
  type: 'static',
  role: 'address',
  hasNoMemory: true,
  config: () => ({
    ipam: {
      type: 'static',
      addresses: [{ address: '10.94.0.5/24', gateway: '10.94.0.1' }, { address: 'fd00:94::5/64' }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: { nameservers: ['10.94.0.1'] },
    },
  }),
};

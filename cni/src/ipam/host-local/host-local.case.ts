import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PluginCase } from '../../conformance/plugin-case.ts';

export const hostLocalCase: PluginCase = {
  type: 'host-local',
  role: 'address',
  config: ({ directory }) => ({
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: '10.96.0.0/24' }], [{ subnet: 'fd00:96::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }],
      dataDir: join(directory, 'alone'),
    },
  }),
  damage: async ({ directory }, { result }) => {
    const addresses = result.ips.map(({ address }) => address.split('/')[0] ?? '');
    for (const address of addresses) await rm(join(directory, 'alone', 'specification', address));
  },
};

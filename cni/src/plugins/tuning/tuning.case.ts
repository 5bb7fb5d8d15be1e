import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import type { PluginCase } from '../../conformance/plugin-case.ts';
import { bridgeCase } from '../bridge/bridge.case.ts';

export const tuningCase: PluginCase = {
  type: 'tuning',
  role: 'chained',
  after: bridgeCase,
  changesResult: true,
  config: ({ directory }) => ({
    sysctl: { 'net.core.somaxconn': '500', 'net/ipv4/conf/IFNAME/arp_filter': '1', 'net.ipv4.ping_group_range': '0 7' },
    mtu: 1300,
    promisc: true,
    allmulti: true,
    txQLen: 77,
    dataDir: join(directory, 'tuning'),
  }),
  damage: ({ host }, { netns, ifName }) => host.ip([`link set ${ifName} promisc off`], { netns, signal: neverAborted }),
  hasNothingToCollect: true,
};

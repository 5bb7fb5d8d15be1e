import { hostLocalCase } from '../ipam/host-local/host-local.case.ts';
import { bridgeCase, routedBridgeCase } from '../plugins/bridge/bridge.case.ts';
import { loopbackCase } from '../plugins/loopback/loopback.case.ts';
import { portmapCase } from '../plugins/portmap/portmap.case.ts';
import type { PluginCase } from './plugin-case.ts';

/** Every plugin of ours, as the specification's suite runs it. */
export const pluginCases: readonly PluginCase[] = [
  bridgeCase,
  routedBridgeCase,
  hostLocalCase,
  loopbackCase,
  portmapCase,
];

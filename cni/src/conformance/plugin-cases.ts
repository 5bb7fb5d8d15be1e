import { hostLocalCase } from '../ipam/host-local/host-local.case.ts';
import { staticCase } from '../ipam/static/static.case.ts';
import { bandwidthCase } from '../plugins/bandwidth/bandwidth.case.ts';
import { bridgeCase, guardedBridgeCase, routedBridgeCase } from '../plugins/bridge/bridge.case.ts';
import { internalIpvlanCase, ipvlanCase } from '../plugins/ipvlan/ipvlan.case.ts';
import { loopbackCase } from '../plugins/loopback/loopback.case.ts';
import { internalMacvlanCase, macvlanCase } from '../plugins/macvlan/macvlan.case.ts';
import { internalOverlayCase, overlayCase } from '../plugins/overlay/overlay.case.ts';
import { portmapCase } from '../plugins/portmap/portmap.case.ts';
import { tuningCase } from '../plugins/tuning/tuning.case.ts';
import type { PluginCase } from './plugin-case.ts';

/** Every plugin of ours, as the specification's suite runs it. */
export const pluginCases: readonly PluginCase[] = [
  bridgeCase,
  routedBridgeCase,
  guardedBridgeCase,
  hostLocalCase,
  macvlanCase,
  internalMacvlanCase,
  ipvlanCase,
  internalIpvlanCase,
  loopbackCase,
  overlayCase,
  internalOverlayCase,
  portmapCase,
  staticCase,
  bandwidthCase,
  tuningCase,
];

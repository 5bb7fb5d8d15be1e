import { addressPlugins } from '../ipam/address-plugins.ts';
import type { AnyPlugin } from '../skeleton/plugin.ts';
import { bandwidth } from './bandwidth/bandwidth.ts';
import { bridge } from './bridge/bridge.ts';
import { ipvlan } from './ipvlan/ipvlan.ts';
import { loopback } from './loopback/loopback.ts';
import { macvlan } from './macvlan/macvlan.ts';
import { overlay } from './overlay/overlay.ts';
import { portmap } from './portmap/portmap.ts';
import { tuning } from './tuning/tuning.ts';

/** Every plugin of ours, by the name under which a configuration finds it. */
export const builtInPlugins: readonly AnyPlugin[] = [
  ...addressPlugins,
  bandwidth,
  bridge,
  ipvlan,
  loopback,
  macvlan,
  overlay,
  portmap,
  tuning,
];

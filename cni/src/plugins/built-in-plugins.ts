import { hostLocal } from '../ipam/host-local/host-local.ts';
import type { AnyPlugin } from '../skeleton/plugin.ts';
import { bridge } from './bridge/bridge.ts';
import { loopback } from './loopback/loopback.ts';
import { portmap } from './portmap/portmap.ts';

/** Every plugin of ours, by the name under which a configuration finds it. */
export const builtInPlugins: readonly AnyPlugin[] = [bridge, hostLocal, loopback, portmap];

import type { AnyPlugin } from '../skeleton/plugin.ts';
import { hostLocal } from './host-local/host-local.ts';
import { staticAddresses } from './static/static.ts';

/** Those that other plugins ask for addresses: all that an executable needs besides itself. */
export const addressPlugins: readonly AnyPlugin[] = [hostLocal, staticAddresses];

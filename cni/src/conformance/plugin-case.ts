import type { JsonObject } from '../spec/json.ts';
import type { CniResult } from '../spec/types.ts';
import type { TestNetwork } from './test-network.ts';

/**
 * What the specification's suite has to know of a plugin to run it. Each plugin's folder has its own, `NAME.case.ts`;
 * `plugin-cases.ts` lists them.
 */
export interface PluginCase {
  /** The plugin's name. */
  readonly type: string;
  /** For several cases of one plugin: what this one is about. */
  readonly variant?: string;
  /**
   * - `interface`: makes an interface and addresses in the container;
   * - `address`: gives addresses to such a plugin;
   * - `chained`: adds something to the result of the plugin before it.
   */
  readonly role: 'interface' | 'address' | 'chained';
  /** What this machine's kernel lacks for it (see `kernelLacks`): the case is skipped then, and says so. */
  readonly missing?: string | undefined;
  /** `eth0` when absent. */
  readonly ifName?: string;
  /** Makes what must be there before the first ADD: a parent link for instance. Once per throw-away machine. */
  readonly prepare?: (network: TestNetwork) => Promise<void>;
  /** The configuration without `cniVersion`, `name` and `type`. */
  readonly config: (network: TestNetwork) => JsonObject;
  /** Keeps a chained plugin's configuration of two containers apart: host ports for instance. */
  readonly configOf?: (containerNumber: number) => JsonObject;
  /** What a chained plugin is chained to. */
  readonly after?: PluginCase;
  /** Breaks something that ADD made, so that CHECK must fail. Absent when nothing of it could be missed. */
  readonly damage?: (
    network: TestNetwork,
    damaged: { netns: string; ifName: string; result: CniResult },
  ) => Promise<void>;
  /** A chained plugin that hands on another result than it got. */
  readonly changesResult?: boolean;
  /** Two containers, or one twice, may get the same; nothing is there to clean up. */
  readonly hasNoMemory?: boolean;
  /** What it makes on the host goes away with the namespace or is shared, so that GC has nothing to show. */
  readonly hasNothingToCollect?: boolean;
}

export function caseName({ type, variant }: PluginCase): string {
  return variant ? `${type} (${variant})` : type;
}

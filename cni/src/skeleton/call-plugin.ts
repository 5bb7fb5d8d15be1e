import type { Exec } from '@slipway/kit/exec';
import type { Host } from '../host/host.ts';
import { createExecCaller } from './exec-plugin.ts';
import { invokePlugin } from './invoke-plugin.ts';
import type { AnyPlugin, CallPlugin } from './plugin.ts';

export interface PluginCallerOptions {
  /** Ours, called in process by their names. A name that is not among them is looked for in the invocation's path. */
  readonly plugins: readonly AnyPlugin[];
  readonly host: Host;
  readonly exec: Exec;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly netns?: string;
  /** How long an executable may take before it is killed. */
  readonly execTimeoutMs?: number;
}

/** The fast path for our own plugins, the exec protocol for everybody else's. */
export function createPluginCaller(options: PluginCallerOptions): CallPlugin {
  const byName = new Map(options.plugins.map((plugin) => [plugin.name, plugin]));
  const { execTimeoutMs } = options;
  const execute = createExecCaller({
    ...options,
    ...(execTimeoutMs === undefined ? {} : { timeoutMs: execTimeoutMs }),
  });
  const call: CallPlugin = (type, invocation, signal) => {
    const plugin = wantsExecutable(invocation.config) ? undefined : byName.get(type);
    if (!plugin) return execute(type, invocation, signal);
    return invokePlugin(plugin, invocation, { host: options.host, call }, signal);
  };
  return call;
}

/** `slipway: { executable: true }` in a plugin's configuration: the executable in the path, although we have one of that name. */
export function wantsExecutable(config: unknown): boolean {
  const own = typeof config === 'object' && config !== null ? (config as Record<string, unknown>).slipway : undefined;
  return typeof own === 'object' && own !== null && (own as Record<string, unknown>).executable === true;
}

import { neverAborted } from '@slipway/kit/abort';
import type { Invocation } from '../skeleton/plugin.ts';
import type { JsonObject } from '../spec/json.ts';
import { decodeResult } from '../spec/result.ts';
import type { CniResult } from '../spec/types.ts';
import { inProcess } from './reach.ts';
import type { TestNetwork } from './test-network.ts';

/** A container with one interface that plugins made, one after the other. */
export interface AttachedContainer {
  readonly netns: string;
  readonly result: CniResult;
  /** The addresses inside, without prefix lengths. */
  readonly addresses: readonly string[];
  /** Runs a program inside; rejects when it fails. */
  run(command: string, ...args: string[]): Promise<string>;
  /** CHECK of all plugins. */
  check(): Promise<void>;
  /** DEL of all plugins in reverse. */
  del(): Promise<void>;
}

export type Attach = (
  plugins: readonly JsonObject[],
  change?: Partial<Invocation> & { readonly name?: string },
) => Promise<AttachedContainer>;

/** ADD of plugins, in process, in a new container each time. Leaves to the caller what to do when one fails. */
export async function createAttacher(network: TestNetwork): Promise<Attach> {
  const { call } = await inProcess.open(network);
  let containers = 0;
  return async (plugins, { name = 'test', ...change } = {}) => {
    containers++;
    const netns = change.netns ?? (await network.addNetns());
    const whole = { containerId: `c${containers}`, netns, ifName: 'eth0', args: '', path: [], ...change };
    const configOf = (plugin: JsonObject, prevResult: JsonObject | undefined) => ({
      cniVersion: '1.1.0',
      name,
      ...plugin,
      prevResult,
    });
    const invoke = (command: Invocation['command'], plugin: JsonObject, prevResult: JsonObject | undefined) =>
      call(String(plugin.type), { ...whole, command, config: configOf(plugin, prevResult) }, neverAborted);
    let answer: JsonObject | undefined;
    for (const plugin of plugins) answer = await invoke('ADD', plugin, answer);
    const result = decodeResult(answer);
    return {
      netns,
      result,
      addresses: result.ips.map(({ address }) => address.split('/')[0] ?? ''),
      run: (command, ...args) => network.run(netns, command, ...args),
      async check() {
        for (const plugin of plugins) await invoke('CHECK', plugin, answer);
      },
      async del() {
        for (const plugin of plugins.toReversed()) await invoke('DEL', plugin, answer);
      },
    };
  };
}

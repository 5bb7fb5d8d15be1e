import { text } from 'node:stream/consumers';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { createKernelHost } from '../host/kernel-host.ts';
import { addressPlugins } from '../ipam/address-plugins.ts';
import { type CniError, cniErrorFrom } from '../spec/cni-error.ts';
import { type JsonObject, parseJson } from '../spec/json.ts';
import { isSupportedVersion, newestVersion } from '../spec/versions.ts';
import { createPluginCaller } from './call-plugin.ts';
import { invokePlugin } from './invoke-plugin.ts';
import { parseCommand } from './parse-invocation.ts';
import type { AnyPlugin, Invocation } from './plugin.ts';

/** The whole `main` of a plugin executable: one call, one line of JSON, exit code 0 or 1. */
export async function runPlugin(plugin: AnyPlugin): Promise<void> {
  let config: unknown;
  try {
    const environment = readEnvironment(process.env);
    const input = await text(process.stdin);
    // VERSION may come without a configuration.
    config = input.trim() === '' && environment.command === 'VERSION' ? {} : parseJson(input, 'network configuration');
    const host = createKernelHost({ exec });
    const call = createPluginCaller({ plugins: addressPlugins, host, exec, env: process.env });
    const answer = await invokePlugin(plugin, { ...environment, config }, { host, call }, neverAborted);
    if (answer) process.stdout.write(`${JSON.stringify(answer)}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify(errorAnswer(cniErrorFrom(error), config))}\n`);
    process.exitCode = 1;
  }
}

function readEnvironment(env: NodeJS.ProcessEnv): Omit<Invocation, 'config'> {
  return {
    command: parseCommand(env.CNI_COMMAND),
    containerId: env.CNI_CONTAINERID ?? '',
    netns: env.CNI_NETNS ?? '',
    ifName: env.CNI_IFNAME ?? '',
    args: env.CNI_ARGS ?? '',
    path: (env.CNI_PATH ?? '').split(':').filter((folder) => folder !== ''),
  };
}

function errorAnswer(error: CniError, config: unknown): JsonObject {
  const asked = typeof config === 'object' && config !== null ? (config as JsonObject).cniVersion : undefined;
  return {
    cniVersion: isSupportedVersion(asked) ? asked : newestVersion,
    code: error.code,
    msg: error.message,
    ...(error.details ? { details: error.details } : {}),
  };
}

import { neverAborted } from '@slipway/kit/abort';
import { UndoStack } from '@slipway/kit/undo-stack';
import type { Host } from '../host/host.ts';
import { KernelError } from '../host/host.ts';
import { CniError, cniErrorCodes, cniErrorFrom } from '../spec/cni-error.ts';
import { fields, type JsonObject } from '../spec/json.ts';
import { decodeResult, encodeResult } from '../spec/result.ts';
import type { CniResult, NetworkConfig } from '../spec/types.ts';
import { type CniVersion, commandExists, newestVersion, requireVersion, supportedVersions } from '../spec/versions.ts';
import {
  checkEnvironment,
  parseArgs,
  parseArgsLeniently,
  parseNetworkConfig,
  parseValidAttachments,
} from './parse-invocation.ts';
import type { AnyPlugin, CallPlugin, CniRequest, Invocation, IpamDelegate } from './plugin.ts';

export interface PluginWorld {
  readonly host: Host;
  /** How a plugin reaches the address plugin that its configuration names. */
  readonly call: CallPlugin;
}

/**
 * Runs one plugin for one invocation: the same in process and behind an executable. Answers what goes to standard
 * output, nothing for the commands that print nothing. Every failure is a `CniError`.
 */
export async function invokePlugin(
  plugin: AnyPlugin,
  invocation: Invocation,
  world: PluginWorld,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  try {
    return await dispatch(plugin, invocation, world, signal);
  } catch (error) {
    if (signal.aborted && !(error instanceof CniError)) throw error;
    throw translate(error);
  }
}

async function dispatch(
  plugin: AnyPlugin,
  invocation: Invocation,
  world: PluginWorld,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  const { command } = invocation;
  if (command === 'VERSION') return versionAnswer(invocation.config);
  checkEnvironment(invocation);
  const version = requireVersion(fields(invocation.config, 'network configuration').cniVersion);
  if (!commandExists(command, version)) {
    throw new CniError('incompatibleVersion', `config version ${version} does not allow ${command}`);
  }
  const network = parseNetworkConfig(invocation.config);
  const isOwn = invocation.netns !== '' && (await world.host.isOwnNetns(invocation.netns));
  if (isOwn && command !== 'DEL') {
    const message = `CNI_NETNS ${invocation.netns} is the host's own network namespace`;
    throw new CniError('invalidNetworkNamespace', message);
  }
  const config = parseConfig(plugin, network);
  if (command === 'GC' || command === 'STATUS') {
    await runForNetwork(plugin, { invocation, network, config }, world, signal);
    return undefined;
  }
  const request: CniRequest<unknown> = {
    containerId: invocation.containerId,
    // Nothing of a container can be in the host's own: cleaning up there would take the host's interfaces.
    netns: isOwn ? '' : invocation.netns,
    ifName: invocation.ifName,
    args: command === 'ADD' ? parseArgs(invocation.args) : parseArgsLeniently(invocation.args),
    network,
    config,
    previous:
      network.prevResult === undefined || network.prevResult === null ? undefined : decodeResult(network.prevResult),
    ipam: ipamDelegate(network, invocation, world.call, signal),
    signal,
  };
  if (command === 'ADD') return encodeResult(await add(plugin, request, world.host), version);
  if (command === 'DEL') await plugin.del(request, world.host);
  if (command === 'CHECK') {
    if (!request.previous) throw new CniError('invalidNetworkConfig', 'required prevResult missing');
    await plugin.check(request, request.previous, world.host);
  }
  return undefined;
}

/** JSON with a field of the wrong kind is a wrong configuration, found before anything was done; not JSON at all is code 6. */
function parseConfig(plugin: AnyPlugin, network: NetworkConfig): unknown {
  try {
    return plugin.parseConfig(network);
  } catch (error) {
    if (!(error instanceof CniError && error.code === cniErrorCodes.decodingFailure)) throw error;
    throw new CniError('invalidNetworkConfig', error.message, { cause: error });
  }
}

async function add(plugin: AnyPlugin, request: CniRequest<unknown>, host: Host): Promise<CniResult> {
  if (!(await host.netnsExists(request.netns))) {
    throw new CniError('unknownContainer', `network namespace ${request.netns} does not exist`);
  }
  const undo = new UndoStack();
  try {
    return await plugin.add(request, host, undo);
  } catch (error) {
    throw await undo.unwind(error);
  }
}

interface NetworkCall {
  readonly invocation: Invocation;
  readonly network: NetworkConfig;
  readonly config: unknown;
}

/** The address plugin goes first: what it still holds is worth more than a left-over link. */
async function runForNetwork(
  plugin: AnyPlugin,
  call: NetworkCall,
  world: PluginWorld,
  signal: AbortSignal,
): Promise<void> {
  const { invocation, network, config } = call;
  const isGc = invocation.command === 'GC';
  const valid = isGc ? parseValidAttachments(network) : [];
  const ipamType = network.ipam?.type;
  if (plugin.delegatesIpam && ipamType) {
    await world.call(ipamType, invocation, signal).catch((error: unknown) => {
      // An address plugin from before 1.1 knows neither command; that is no failure of ours.
      if (!(error instanceof CniError && (error.code === 4 || error.code === 1))) throw error;
    });
  }
  const request = { network, config, signal };
  if (isGc) await plugin.gc?.(request, valid, world.host);
  else await plugin.status?.(request, world.host);
}

function ipamDelegate(
  network: NetworkConfig,
  invocation: Invocation,
  call: CallPlugin,
  signal: AbortSignal,
): IpamDelegate {
  const type = network.ipam?.type ?? '';
  return {
    isConfigured: type !== '',
    add: async () => decodeResult(await call(type, { ...invocation, command: 'ADD' }, signal)),
    check: async () => void (await call(type, { ...invocation, command: 'CHECK' }, signal)),
    del: async () => void (await call(type, { ...invocation, command: 'DEL' }, neverAborted)),
  };
}

/** Answers in the version that was asked in, so that old runtimes can read it. */
function versionAnswer(config: unknown): JsonObject {
  const asked = typeof config === 'object' && config !== null ? (config as JsonObject).cniVersion : undefined;
  const known = supportedVersions.find((version): version is CniVersion => version === asked);
  return { cniVersion: known ?? newestVersion, supportedVersions: [...supportedVersions] };
}

function translate(error: unknown): CniError {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const plain = cniErrorFrom(error);
  if (first instanceof CniError) return first === error ? first : copyWithDetails(first, plain.details);
  if (first instanceof KernelError) {
    return new CniError('kernelRefused', plain.message, {
      cause: error,
      ...(plain.details ? { details: plain.details } : {}),
    });
  }
  return plain;
}

function copyWithDetails(error: CniError, more: string | undefined): CniError {
  const details = [error.details, more].filter(Boolean).join('; ');
  return new CniError(error.code, error.message, { cause: error, ...(details ? { details } : {}) });
}

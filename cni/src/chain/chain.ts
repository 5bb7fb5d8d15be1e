import { neverAborted } from '@slipway/kit/abort';
import { messageOf } from '@slipway/kit/errors';
import type { CallPlugin, Invocation } from '../skeleton/plugin.ts';
import { CniError, cniErrorCodes } from '../spec/cni-error.ts';
import type { JsonObject } from '../spec/json.ts';
import { decodeResult } from '../spec/result.ts';
import {
  type Attachment,
  type CniResult,
  emptyResult,
  type NetworkConfig,
  type NetworkConfigList,
  type RuntimeConfig,
  validAttachmentsKey,
} from '../spec/types.ts';
import { type CniCommand, type CniVersion, commandExists } from '../spec/versions.ts';
import type { CachedAttachment, ResultCache } from './result-cache.ts';

export interface AttachmentRequest {
  readonly containerId: string;
  readonly netns: string;
  readonly ifName: string;
  /** CNI_ARGS as pairs, in order. */
  readonly args: readonly (readonly [string, string])[];
  /** By capability; each reaches only plugins that declare it. */
  readonly capabilityArgs: RuntimeConfig;
}

/**
 * One network: the plugins of a configuration list, run as the specification's "Network configuration execution" says.
 * Operations on one container must not overlap; different containers may be worked on at once.
 */
export interface Chain {
  readonly name: string;
  /** All plugins in order, each with the result before it. When one fails, all are told to undo, and it throws. */
  add(request: AttachmentRequest, signal: AbortSignal): Promise<CniResult>;
  /** All plugins in reverse, even when some fail; throws the first failure at the end. Idempotent. */
  del(request: AttachmentRequest, signal: AbortSignal): Promise<void>;
  check(request: AttachmentRequest, signal: AbortSignal): Promise<void>;
  status(signal: AbortSignal): Promise<void>;
  /** DEL for each remembered attachment that is not among `valid`, then GC of each plugin. */
  gc(valid: readonly Attachment[], signal: AbortSignal): Promise<void>;
}

export interface ChainOptions {
  readonly list: NetworkConfigList;
  readonly call: CallPlugin;
  readonly cache: ResultCache;
  /** Folders of plugin executables. */
  readonly path: readonly string[];
}

export function createChain(options: ChainOptions): Chain {
  const { list, cache } = options;
  const network = new Network(options);
  const del = async (request: AttachmentRequest, signal: AbortSignal) => {
    const id = { networkName: list.name, containerId: request.containerId, ifName: request.ifName };
    const known = await cache.load(id);
    await network.deleteAll(known ? { ...fromCache(known), netns: request.netns } : request, known?.result, signal);
    await cache.remove(id);
  };
  return {
    name: list.name,
    del,
    async add(request, signal) {
      // Remembered before anything is made, so that a crash in the middle is found by GC.
      await cache.save(toCache(list.name, request, undefined));
      const progress: AddProgress = { made: 0 };
      try {
        const result = await network.addAll(request, progress, signal);
        await cache.save(toCache(list.name, request, result));
        return result ? decodeResult(result) : emptyResult;
      } catch (error) {
        const undo = async () => {
          await network.deleteFirst(progress.made, request, undefined, neverAborted);
          await cache.remove({ networkName: list.name, containerId: request.containerId, ifName: request.ifName });
        };
        await undo().catch((undoError: unknown) => {
          throw new AggregateError([error, undoError], messageOf(error), { cause: error });
        });
        throw error;
      }
    },
    async check(request, signal) {
      if (list.disableCheck) return;
      const id = { networkName: list.name, containerId: request.containerId, ifName: request.ifName };
      const known = await cache.load(id);
      if (!known?.result)
        throw new CniError('unknownContainer', `no attachment of ${request.containerId} to ${list.name}`);
      await network.checkAll({ ...fromCache(known), netns: request.netns }, known.result, signal);
    },
    status: (signal) => network.forEachPlugin('STATUS', {}, signal),
    async gc(valid, signal) {
      if (list.disableGC) return;
      const keep = new Set(valid.map(({ containerID, ifname }) => `${containerID}/${ifname}`));
      const failures: unknown[] = [];
      for (const known of await cache.list(list.name)) {
        if (keep.has(`${known.containerId}/${known.ifName}`)) continue;
        await del(fromCache(known), signal).catch((error: unknown) => void failures.push(error));
      }
      await network
        .forEachPlugin('GC', { [validAttachmentsKey]: valid }, signal)
        .catch((error: unknown) => void failures.push(error));
      throwCollected(failures);
    },
  };
}

interface AddProgress {
  /** Plugins, from the first on, that may have made something. */
  made: number;
}

const harmlessCodes: readonly number[] = [
  cniErrorCodes.incompatibleVersion,
  cniErrorCodes.unsupportedField,
  cniErrorCodes.invalidEnvironment,
  cniErrorCodes.invalidNetworkConfig,
];

/** It was refused for what was asked, or was not found: a DEL would only be refused again. */
function didNothing(error: unknown): boolean {
  return error instanceof CniError && harmlessCodes.includes(error.code);
}

class Network {
  readonly #options: ChainOptions;

  constructor(options: ChainOptions) {
    this.#options = options;
  }

  /** Keeps `progress` right when it throws. */
  async addAll(
    request: AttachmentRequest,
    progress: AddProgress,
    signal: AbortSignal,
  ): Promise<JsonObject | undefined> {
    let result: JsonObject | undefined;
    for (const plugin of this.#options.list.plugins) {
      progress.made++;
      const adding = this.#call('ADD', plugin, request, result, signal);
      result =
        (await adding.catch((error: unknown) => {
          if (didNothing(error)) progress.made--;
          throw error;
        })) ?? result;
    }
    return result;
  }

  async checkAll(request: AttachmentRequest, result: JsonObject, signal: AbortSignal): Promise<void> {
    this.#requireCommand('CHECK');
    for (const plugin of this.#options.list.plugins) await this.#call('CHECK', plugin, request, result, signal);
  }

  deleteAll(request: AttachmentRequest, result: JsonObject | undefined, signal: AbortSignal): Promise<void> {
    return this.deleteFirst(this.#options.list.plugins.length, request, result, signal);
  }

  /** The first `count` plugins of the list, in reverse. */
  async deleteFirst(
    count: number,
    request: AttachmentRequest,
    result: JsonObject | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const failures: unknown[] = [];
    // Before 0.4.0 DEL knows no result.
    const previous = commandExists('CHECK', this.#version) ? result : undefined;
    for (const plugin of this.#options.list.plugins.slice(0, count).toReversed()) {
      await this.#call('DEL', plugin, request, previous, signal).catch((error: unknown) => void failures.push(error));
    }
    throwCollected(failures);
  }

  /** GC and STATUS: skipped for lists of a version that has neither. */
  async forEachPlugin(command: 'GC' | 'STATUS', extra: JsonObject, signal: AbortSignal): Promise<void> {
    if (!commandExists(command, this.#version)) return;
    const nobody = { containerId: '', netns: '', ifName: '', args: [], capabilityArgs: {} };
    const failures: unknown[] = [];
    for (const plugin of this.#options.list.plugins) {
      await this.#call(command, { ...plugin, ...extra }, nobody, undefined, signal).catch(
        (error: unknown) => void failures.push(error),
      );
    }
    throwCollected(failures);
  }

  get #version(): CniVersion {
    return this.#options.list.cniVersion as CniVersion;
  }

  #requireCommand(command: CniCommand): void {
    if (commandExists(command, this.#version)) return;
    throw new CniError('incompatibleVersion', `config version ${this.#version} does not allow ${command}`);
  }

  #call(
    command: CniCommand,
    plugin: NetworkConfig,
    request: AttachmentRequest,
    previous: JsonObject | undefined,
    signal: AbortSignal,
  ): Promise<JsonObject | undefined> {
    const { call, path } = this.#options;
    const invocation: Invocation = {
      command,
      containerId: request.containerId,
      netns: request.netns,
      ifName: request.ifName,
      args: request.args.map(([key, value]) => `${key}=${value}`).join(';'),
      path,
      config: pluginConfig(plugin, request.capabilityArgs, previous),
    };
    return call(plugin.type, invocation, signal);
  }
}

/** The plugin's part of the list, with what this call adds: the capabilities it declared, and the result so far. */
export function pluginConfig(plugin: NetworkConfig, args: RuntimeConfig, previous: JsonObject | undefined): JsonObject {
  const { capabilities, ...config } = plugin;
  const wanted = Object.entries(capabilities ?? {}).filter(([name, isOn]) => isOn && args[name] !== undefined);
  const runtimeConfig = Object.fromEntries(wanted.map(([name]) => [name, args[name]]));
  return {
    ...config,
    ...(wanted.length > 0 ? { runtimeConfig } : {}),
    ...(previous ? { prevResult: previous } : {}),
  };
}

function toCache(networkName: string, request: AttachmentRequest, result: JsonObject | undefined): CachedAttachment {
  const { containerId, ifName, netns, args, capabilityArgs } = request;
  return { kind: 'cniCacheV1', networkName, containerId, ifName, netns, cniArgs: args, capabilityArgs, result };
}

function fromCache(known: CachedAttachment): AttachmentRequest {
  const { containerId, netns, ifName, cniArgs, capabilityArgs } = known;
  return { containerId, netns, ifName, args: cniArgs, capabilityArgs };
}

function throwCollected(failures: readonly unknown[]): void {
  if (failures.length === 0) return;
  if (failures.length === 1) throw failures[0];
  throw new AggregateError(failures, failures.map(messageOf).join('; '), { cause: failures[0] });
}

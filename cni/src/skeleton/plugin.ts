import type { UndoStack } from '@slipway/kit/undo-stack';
import type { Host } from '../host/host.ts';
import type { Attachment, CniResult, NetworkConfig } from '../spec/types.ts';
import type { CniCommand } from '../spec/versions.ts';
import type { JsonObject } from '../spec/json.ts';

/** One call of a plugin as the runtime makes it: the environment variables and the JSON on standard input. */
export interface Invocation {
  readonly command: CniCommand;
  readonly containerId: string;
  /** Path; empty when the runtime has none. */
  readonly netns: string;
  readonly ifName: string;
  /** `KEY=value;KEY=value` */
  readonly args: string;
  /** Folders of plugin executables. */
  readonly path: readonly string[];
  readonly config: unknown;
}

/** Calls a plugin by its type, in process or as an executable. Answers what it prints. Throws `CniError`. */
export type CallPlugin = (type: string, invocation: Invocation, signal: AbortSignal) => Promise<JsonObject | undefined>;

/** What a plugin gets for ADD, CHECK and DEL, checked and parsed. */
export interface CniRequest<Config> {
  readonly containerId: string;
  readonly netns: string;
  readonly ifName: string;
  /** CNI_ARGS, taken apart. */
  readonly args: ReadonlyMap<string, string>;
  readonly network: NetworkConfig;
  readonly config: Config;
  readonly previous: CniResult | undefined;
  readonly ipam: IpamDelegate;
  readonly signal: AbortSignal;
}

/** The address plugin that the configuration names, called with our own environment. */
export interface IpamDelegate {
  readonly isConfigured: boolean;
  add(): Promise<CniResult>;
  check(): Promise<void>;
  /** Works without the caller's signal too, as a roll-back has to. */
  del(): Promise<void>;
}

/** GC and STATUS concern a network, not a container. */
export interface NetworkRequest<Config> {
  readonly network: NetworkConfig;
  readonly config: Config;
  readonly signal: AbortSignal;
}

/**
 * A plugin as functions. The skeleton has checked the environment and the version, and calls `undo` in reverse when `add`
 * throws. A plugin sees the kernel through `host` alone.
 */
export interface CniPlugin<Config> {
  readonly name: string;
  /** Whether GC and STATUS go on to the address plugin. */
  readonly delegatesIpam: boolean;
  /** Throws `CniError` (invalid configuration, unsupported field). */
  parseConfig(network: NetworkConfig): Config;
  add(request: CniRequest<Config>, host: Host, undo: UndoStack): Promise<CniResult>;
  /** Throws `CniError` when something that `add` made is not there any more. */
  check(request: CniRequest<Config>, previous: CniResult, host: Host): Promise<void>;
  /** Idempotent; works when the namespace, the result or everything is gone. */
  del(request: CniRequest<Config>, host: Host): Promise<void>;
  /** Throws `CniError` when an ADD would fail. */
  status?(request: NetworkRequest<Config>, host: Host): Promise<void>;
  /** Removes what belongs to attachments of this network that are not among `valid`. */
  gc?(request: NetworkRequest<Config>, valid: readonly Attachment[], host: Host): Promise<void>;
}

/** For lists of plugins with different configurations. A plugin only ever sees configurations that it parsed itself. */
// biome-ignore lint/suspicious/noExplicitAny: a plugin is contravariant in its own configuration
export type AnyPlugin = CniPlugin<any>;

import { CniError } from '../spec/cni-error.ts';
import { fields, type JsonObject } from '../spec/json.ts';
import type { Attachment, NetworkConfig } from '../spec/types.ts';
import { formerValidAttachmentsKey, validAttachmentsKey } from '../spec/types.ts';
import { type CniCommand, cniCommands } from '../spec/versions.ts';
import type { Invocation } from './plugin.ts';

const containerIdPattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const networkNamePattern = containerIdPattern;
/** IFNAMSIZ with its closing zero. */
const ifNameLengthMax = 15;

/** Throws `CniError` (invalid environment) that names the variable. */
export function parseCommand(text: string | undefined): CniCommand {
  const known = cniCommands.find((command) => command === text);
  if (known) return known;
  if (!text) throw missing('CNI_COMMAND');
  throw new CniError('invalidEnvironment', `unknown CNI_COMMAND: ${text}`);
}

/** What the specification requires per command. */
export function checkEnvironment(invocation: Invocation): void {
  const { command, containerId, ifName, netns } = invocation;
  if (command === 'GC' || command === 'STATUS' || command === 'VERSION') return;
  if (!containerId) throw missing('CNI_CONTAINERID');
  if (!containerIdPattern.test(containerId)) {
    throw new CniError('invalidEnvironment', `invalid characters in CNI_CONTAINERID: ${containerId}`);
  }
  if (!ifName) throw missing('CNI_IFNAME');
  if (!isInterfaceName(ifName)) throw new CniError('invalidEnvironment', `invalid CNI_IFNAME: ${ifName}`);
  if (!netns && command !== 'DEL') throw missing('CNI_NETNS');
}

export function isInterfaceName(name: string): boolean {
  return name.length > 0 && name.length <= ifNameLengthMax && !['.', '..'].includes(name) && !/[/:\s]/.test(name);
}

/** What our plugins read, and what runtimes of pods always say. Another key is refused unless IgnoreUnknown is true. */
const knownArgs = /^(IgnoreUnknown|IP|MAC|GATEWAY|K8S_POD_\w+)$/;

/** `KEY=value;...`. Throws `CniError` (invalid environment) for a pair without a `=` and for an unknown key. */
export function parseArgs(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(';').filter((pair) => pair !== '');
  const args = new Map(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new CniError('invalidEnvironment', `CNI_ARGS: invalid pair ${JSON.stringify(pair)}`);
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    }),
  );
  const unknown = [...args.keys()].filter((key) => !knownArgs.test(key));
  if (unknown.length > 0 && !/^(1|true|t)$/i.test(args.get('IgnoreUnknown') ?? '')) {
    throw new CniError('invalidEnvironment', `CNI_ARGS: unknown args ${JSON.stringify(unknown)}`, {
      details: 'IgnoreUnknown=1 lets them pass',
    });
  }
  return args;
}

/** For everything but ADD: what cannot be read must not keep anything from being checked or cleaned up. */
export function parseArgsLeniently(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(';').map((pair) => [pair, pair.indexOf('=')] as const);
  return new Map(
    pairs.filter(([, at]) => at > 0).map(([pair, at]) => [pair.slice(0, at), pair.slice(at + 1)] as const),
  );
}

export function isNetworkName(name: string): boolean {
  return networkNamePattern.test(name);
}

/** The keys that all configurations share. What a plugin needs beyond, it checks itself. */
export function parseNetworkConfig(raw: unknown): NetworkConfig {
  const object = fields(raw, 'network configuration');
  const { name, type } = object;
  if (typeof name !== 'string' || name === '') throw invalid('missing network name');
  if (!isNetworkName(name)) throw invalid(`invalid characters found in network name ${JSON.stringify(name)}`);
  if (typeof type !== 'string' || type === '') throw invalid('missing type');
  return object as NetworkConfig;
}

/** Without the key GC would remove everything: null is nobody, but nothing said is refused. */
export function parseValidAttachments(config: JsonObject): readonly Attachment[] {
  const said = [validAttachmentsKey, formerValidAttachmentsKey].find((key) => config[key] !== undefined);
  if (!said) throw invalid(`GC needs ${validAttachmentsKey}`);
  const raw = config[said] ?? [];
  if (!Array.isArray(raw)) throw invalid(`${validAttachmentsKey} is not a list`);
  return raw.map((each) => {
    const { containerID, ifname } = fields(each, validAttachmentsKey);
    if (typeof containerID !== 'string' || typeof ifname !== 'string') {
      throw invalid(`${validAttachmentsKey}: containerID and ifname are required`);
    }
    return { containerID, ifname };
  });
}

function missing(variable: string): CniError {
  return new CniError('invalidEnvironment', `required env variable ${variable} missing`);
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}

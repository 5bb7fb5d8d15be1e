import { CniError } from '../spec/cni-error.ts';
import { fields, type JsonObject } from '../spec/json.ts';
import type { Attachment, NetworkConfig } from '../spec/types.ts';
import { validAttachmentsKey } from '../spec/types.ts';
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

/** `KEY=value;...`. A pair without a `=` is refused. */
export function parseArgs(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(';').filter((pair) => pair !== '');
  return new Map(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new CniError('invalidEnvironment', `CNI_ARGS: invalid pair ${JSON.stringify(pair)}`);
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    }),
  );
}

/** The keys that all configurations share. What a plugin needs beyond, it checks itself. */
export function parseNetworkConfig(raw: unknown): NetworkConfig {
  const object = fields(raw, 'network configuration');
  const { name, type } = object;
  if (typeof name !== 'string' || name === '') throw invalid('missing network name');
  if (!networkNamePattern.test(name)) throw invalid(`invalid characters found in network name ${JSON.stringify(name)}`);
  if (typeof type !== 'string' || type === '') throw invalid('missing type');
  return object as NetworkConfig;
}

export function parseValidAttachments(config: JsonObject): readonly Attachment[] {
  const raw = config[validAttachmentsKey] ?? [];
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

/** From what a pod asks for to a network that it may join: a definition of its namespace, or a Network of the cluster. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { effectiveSubnets, staticAddressProblem } from '@slipway/api/networks/network-addresses';
import { formatIp, type IpAddress, parseIp } from '@slipway/api/ip-address';
import {
  defaultNetworkName,
  type Network,
  type NetworkAttachmentDefinition,
} from '@slipway/api/networks/network-types';
import { matcherOf } from '@slipway/api/selector';
import { type NetworkConfigList, parseConflist } from '@slipway/cni';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { AttachmentError } from './attachment-error.ts';
import { defaultNetworkAnnotations, type NetworkElement } from './network-selection.ts';
import type { NetworkObjects } from './network-objects.ts';

export type ResolvedNetwork =
  | { readonly kind: 'definition'; readonly name: string; readonly list: NetworkConfigList }
  | {
      readonly kind: 'network';
      readonly name: string;
      readonly network: Network;
      readonly addresses: readonly IpAddress[];
    }
  /** In place of the cluster network: the cluster network after all, or nothing. */
  | { readonly kind: 'cluster' }
  | { readonly kind: 'none' };

export interface ResolveContext {
  readonly objects: NetworkObjects;
  readonly podNamespace: string;
  /** The element takes the place of the cluster network. */
  readonly isFirst: boolean;
  /** Where definitions without a configuration of their own have it. */
  readonly conflistDirectory: string;
}

/** Throws `AttachmentError`. */
export async function resolveNetwork(
  element: NetworkElement,
  context: ResolveContext,
  signal: AbortSignal,
): Promise<ResolvedNetwork> {
  const { objects, podNamespace } = context;
  const namespace = element.namespace ?? podNamespace;
  const definition = await objects.definition(namespace, element.name, signal);
  if (definition) {
    const name = `${namespace}/${element.name}`;
    return { kind: 'definition', name, list: await listOf(definition, element, context.conflistDirectory) };
  }
  const network = await objects.network(element.name, signal);
  if (!network || element.namespace !== undefined) throw unknownNetwork(element, namespace, network);
  return resolvedNetwork(network, element, context, signal);
}

function unknownNetwork(element: NetworkElement, namespace: string, network: Network | undefined): AttachmentError {
  if (network) {
    return new AttachmentError(
      `${element.place}: there is no NetworkAttachmentDefinition ${namespace}/${element.name}; the Network ${element.name} has no namespace: write ${element.name} alone`,
    );
  }
  return new AttachmentError(
    `${element.place}: there is neither a NetworkAttachmentDefinition ${namespace}/${element.name} nor a Network ${element.name}: create one, or correct the name`,
  );
}

async function resolvedNetwork(
  network: Network,
  element: NetworkElement,
  { objects, podNamespace, isFirst }: ResolveContext,
  signal: AbortSignal,
): Promise<ResolvedNetwork> {
  const { driver, namespaceSelector } = network.spec;
  const refuse = (text: string) => new AttachmentError(`${element.place}: Network ${element.name} ${text}`);
  if (element.name === defaultNetworkName) {
    if (!isFirst) throw refuse('is the cluster network, which the pod has as eth0: leave it out');
    if (element.ips.length > 0 || element.mac) {
      throw refuse('gives each node addresses of its own: ips and mac cannot be asked for; use another Network');
    }
    return { kind: 'cluster' };
  }
  if (network.metadata.deletionTimestamp) throw refuse('is being deleted: use another Network');
  if (driver === 'host') throw refuse("is the node's own (driver host): set spec.hostNetwork: true in the pod instead");
  if (driver === 'none') {
    if (isFirst) return { kind: 'none' };
    throw refuse(`has no interfaces (driver none): only the annotation ${defaultNetworkAnnotations[0]} can name it`);
  }
  if (namespaceSelector) {
    const labels = await objects.namespaceLabels(podNamespace, signal);
    const matcher = matcherOf(namespaceSelector);
    if (!matcher.matches(labels)) {
      throw refuse(
        `is not open to pods of namespace ${podNamespace}: its labels do not match spec.namespaceSelector (${matcher}); label the namespace, or use another Network`,
      );
    }
  }
  const ready = network.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'False') throw refuse(`is not ready: ${ready.reason}: ${ready.message}`);
  const subnets = effectiveSubnets(network);
  if (subnets.length === 0) throw refuse('has no subnet yet: one is given to it by the controller "networks"');
  const addresses = element.ips.map((text) => {
    const address = parseIp(text.split('/')[0] ?? '');
    const problem = address ? staticAddressProblem(address, subnets) : `${text} is no address`;
    if (!address || problem) throw refuse(`cannot give the address: ${problem}`);
    return address;
  });
  for (const family of [4, 6]) {
    const same = addresses.filter((each) => each.family === family);
    if (same.length > 1)
      throw refuse(`gives one IPv${family} address to an interface, not ${same.map(formatIp).join(', ')}`);
  }
  return { kind: 'network', name: element.name, network, addresses };
}

/** The configuration in the definition, or else the file of that name on the node. */
async function listOf(
  { metadata, spec }: NetworkAttachmentDefinition,
  element: NetworkElement,
  directory: string,
): Promise<NetworkConfigList> {
  const name = metadata.name ?? '';
  const source = `NetworkAttachmentDefinition ${metadata.namespace}/${name}`;
  const text = spec?.config?.trim() ?? '';
  try {
    if (text === '') return await listFromFile(name, directory, source);
    const raw = parseJson(text);
    return parseConflist({ ...raw, name: raw.name ?? name }, 'spec.config');
  } catch (error) {
    throw new AttachmentError(`${element.place}: ${source}: ${messageOf(error)}`, { cause: error });
  }
}

function parseJson(text: string): Readonly<Record<string, unknown>> {
  try {
    const raw: unknown = JSON.parse(text);
    if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return raw as Record<string, unknown>;
  } catch (error) {
    throw new AttachmentError(`spec.config is no valid JSON: ${messageOf(error)}`);
  }
  throw new AttachmentError('spec.config is no CNI configuration: it must be a JSON object');
}

async function listFromFile(name: string, directory: string, source: string): Promise<NetworkConfigList> {
  const files = (await readdir(directory).catch(emptyUnlessThere)).filter((file) =>
    /\.(conflist|conf|json)$/.test(file),
  );
  for (const file of files.toSorted()) {
    const path = join(directory, file);
    const raw = parseJson(await readFile(path, 'utf8'));
    if (raw.name === name) return parseConflist(raw, path);
  }
  throw new AttachmentError(
    `${source} has no spec.config, and no file in ${directory} on this node has the name ${name}`,
  );
}

function emptyUnlessThere(error: unknown): string[] {
  if (errnoOf(error) === 'ENOENT') return [];
  throw error;
}

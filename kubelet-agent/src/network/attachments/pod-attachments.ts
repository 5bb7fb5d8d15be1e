/**
 * Pods that ask for more than the cluster network, or for another one in its place. Networks are joined in the order in which the pod names
 * them, all or none, and left in reverse. What leaving needs is on disk before joining begins.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatIp, parseIp } from '@slipway/api/ip-address';
import { addressClaimName } from '@slipway/api/networks/network-addresses';
import { networksGroup } from '@slipway/api/networks/network-types';
import {
  type AttachmentRequest,
  builtInPlugins,
  type Chain,
  CniError,
  cniErrorCodes,
  type CniResult,
  type Host,
  type NetworkConfigList,
  parseConflist,
  type RuntimeConfig,
} from '@slipway/cni';
import { neverAborted } from '@slipway/kit/abort';
import type { Clock } from '@slipway/kit/clock';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { podInterface } from '../cluster-network.ts';
import { AttachmentError } from './attachment-error.ts';
import { type AttachmentRecord, AttachmentRecords, type RecordedAttachment } from './attachment-records.ts';
import { cniNameOf, conflistFrom, type JoiningNode } from './conflist-from.ts';
import { defaultRouteLines } from './default-route.ts';
import type { NetworkElement, NetworkSelection } from './network-selection.ts';
import type { NetworkObjects, PodIdentity } from './network-objects.ts';
import { addressesOf, type AttachedNetwork, networkStatus, networkStatusAnnotation } from './network-status.ts';
import { NodeBlocks } from './node-blocks.ts';
import { type ResolvedNetwork, resolveNetwork } from './resolve-network.ts';

export interface PodAttachmentsDeps {
  readonly host: Host;
  readonly log: Logger;
  /** Makes chains over the node's plugins and its cache of results. */
  readonly chainOf: (list: NetworkConfigList) => Chain;
}

export interface PodAttachmentsOptions {
  /** For records and reservations. */
  readonly directory: string;
  /** Where attachment definitions without a configuration have it. */
  readonly conflistDirectory: string;
  readonly node: Omit<JoiningNode, 'mtu'>;
  /** Stay reachable by the cluster network when another one has the default route. */
  readonly clusterNetworks: readonly string[];
  readonly mtu: (signal: AbortSignal) => Promise<number | undefined>;
}

/** What is to be connected; the cluster network's own part comes from whoever runs it. */
export interface AttachmentsRequest {
  readonly sandboxId: string;
  readonly pod: PodIdentity;
  readonly netnsPath: string;
  readonly selection: NetworkSelection;
  /** For eth0, as the cluster network would take it. */
  readonly primary: AttachmentRequest;
  readonly clusterList: NetworkConfigList | undefined;
}

interface Joined extends AttachedNetwork {
  readonly element: NetworkElement | undefined;
}

const claimsMax = 8;

export class PodAttachments {
  readonly #deps: PodAttachmentsDeps;
  readonly #options: PodAttachmentsOptions;
  readonly #records: AttachmentRecords;
  #api: { readonly objects: NetworkObjects; readonly blocks: NodeBlocks } | undefined;

  constructor(deps: PodAttachmentsDeps, options: PodAttachmentsOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#records = new AttachmentRecords(join(options.directory, 'attachments'));
  }

  /** From here on networks can be looked up. */
  use(objects: NetworkObjects): void {
    this.#api = { objects, blocks: new NodeBlocks(objects) };
  }

  /** All or nothing. Answers the addresses of eth0. Throws `AttachmentError` or what a plugin throws. */
  async setUp(request: AttachmentsRequest, signal: AbortSignal): Promise<{ readonly ips: readonly string[] }> {
    const plan = await this.#plan(request, signal);
    const joined: Joined[] = [];
    const { sandboxId, pod, netnsPath } = request;
    let record: AttachmentRecord = { sandboxId, pod, netnsPath, attachments: [] };
    const remember = (attachment: RecordedAttachment) => {
      const others = record.attachments.filter(({ ifName }) => ifName !== attachment.ifName);
      record = { ...record, attachments: [...others, attachment] };
      this.#records.save(record);
    };
    try {
      for (const { element, resolved } of plan) {
        const attached = await this.#join(request, { element, resolved }, remember, signal);
        if (attached) joined.push({ ...attached, element });
      }
      await this.#routeDefaults(request, joined, signal);
    } catch (error) {
      await this.tearDown(sandboxId, neverAborted).catch((undoError: unknown) => {
        throw new AggregateError([error, undoError], messageOf(error), { cause: error });
      });
      throw error;
    }
    const unpublished = networkStatus(joined);
    record = { ...record, unpublished };
    this.#records.save(record);
    await this.#publish(record, signal);
    const primary = joined.find(({ ifName }) => ifName === podInterface);
    return { ips: primary ? addressesOf(primary.result) : [] };
  }

  /** False: nothing is known of the sandbox here. Idempotent; asks nobody. */
  async tearDown(sandboxId: string, signal: AbortSignal): Promise<boolean> {
    const record = this.#records.load(sandboxId);
    if (!record) return false;
    const failures: unknown[] = [];
    for (const attachment of record.attachments.toReversed()) {
      await this.#leave(record, attachment, signal).catch((error: unknown) => void failures.push(error));
    }
    if (failures.length > 0) {
      throw new AggregateError(failures, failures.map(messageOf).join('; '), { cause: failures[0] });
    }
    this.#records.remove(sandboxId);
    return true;
  }

  /** Leaves for sandboxes that do not exist any more. */
  async collectGarbage(sandboxIds: readonly string[], signal: AbortSignal): Promise<void> {
    const valid = new Set(sandboxIds);
    for (const { sandboxId } of this.#records.list()) {
      if (!valid.has(sandboxId)) await this.tearDown(sandboxId, signal);
    }
    // What the plugins themselves remember of others is freed too.
    const byNetwork = Map.groupBy(
      this.#records.list().flatMap(({ sandboxId, attachments }) => attachments.map((each) => ({ ...each, sandboxId }))),
      ({ list }) => list.name,
    );
    for (const attachments of byNetwork.values()) {
      const [any] = attachments;
      if (!any || any.ifName === podInterface) continue;
      const held = attachments.map(({ sandboxId, ifName }) => ({ containerID: sandboxId, ifname: ifName }));
      await this.#deps.chainOf(any.list).gc(held, signal);
    }
  }

  /** Tells the API server what it has not been told, and gives back blocks that nobody uses, until the signal aborts. */
  async run({ clock, everyMs = 60_000 }: { readonly clock: Clock; readonly everyMs?: number }, signal: AbortSignal) {
    while (!signal.aborted) {
      await clock.sleep(everyMs, signal).catch(() => {});
      if (signal.aborted) return;
      for (const record of this.#records.list()) if (record.unpublished) await this.#publish(record, signal);
      await this.#giveBack(signal).catch((error: unknown) => {
        if (!signal.aborted) this.#deps.log.warn({ reason: messageOf(error) }, 'blocks of addresses not looked at');
      });
    }
  }

  async #giveBack(signal: AbortSignal): Promise<void> {
    const problems = await this.#api?.blocks.giveBack((network) => this.#heldAddresses(network), signal);
    for (const problem of problems ?? []) this.#deps.log.error({ problem }, 'addresses of a Network');
  }

  /** As host-local keeps them: a file for each. */
  #heldAddresses(network: string): readonly string[] {
    try {
      return readdirSync(join(this.#options.node.ipamDirectory, cniNameOf({ metadata: { name: network } })));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** All questions are asked before anything is made. */
  async #plan({ selection, pod }: AttachmentsRequest, signal: AbortSignal) {
    const { first, others } = selection;
    const api = this.#requireApi();
    const context = { ...api, podNamespace: pod.namespace, conflistDirectory: this.#options.conflistDirectory };
    const resolve = async (element: NetworkElement, isFirst: boolean) => ({
      element,
      resolved: await resolveNetwork(element, { ...context, isFirst }, signal),
    });
    const cluster = { element: undefined, resolved: { kind: 'cluster' } as ResolvedNetwork };
    return [
      first ? await resolve(first, true) : cluster,
      ...(await Promise.all(others.map((element) => resolve(element, false)))),
    ];
  }

  #requireApi() {
    if (this.#api) return this.#api;
    throw new AttachmentError('networks cannot be looked up before the agent has reached the API server');
  }

  async #join(
    request: AttachmentsRequest,
    { element, resolved }: { readonly element: NetworkElement | undefined; readonly resolved: ResolvedNetwork },
    remember: (attachment: RecordedAttachment) => void,
    signal: AbortSignal,
  ): Promise<AttachedNetwork | undefined> {
    if (resolved.kind === 'none') return undefined;
    if (resolved.kind === 'cluster' || !element) {
      const { clusterList, primary } = request;
      if (!clusterList) throw new AttachmentError('network plugin is not ready: the node has no pod CIDR yet');
      return this.#add({ name: 'default', list: clusterList, request: primary, isDefault: true }, remember, signal);
    }
    const capabilityArgs = capabilitiesOf(element, request);
    const own: AttachmentRequest = { ...request.primary, ifName: element.ifName, capabilityArgs };
    const isDefault = element.ifName === podInterface;
    try {
      if (resolved.kind === 'network')
        return await this.#joinNetwork(resolved, { element, own, isDefault }, remember, request.pod, signal);
      const list = this.#withArgs(resolved.list, element);
      const attached = await this.#add(
        { name: resolved.name, list, request: withAsked(own, element), isDefault },
        remember,
        signal,
      );
      requireAsked(element, attached.result);
      return attached;
    } catch (error) {
      if (error instanceof AttachmentError) throw error;
      throw new AttachmentError(`${element.place}: ${resolved.name}: ${messageOf(error)}`, { cause: error });
    }
  }

  async #joinNetwork(
    { name, network, addresses }: Extract<ResolvedNetwork, { kind: 'network' }>,
    wish: { readonly element: NetworkElement; readonly own: AttachmentRequest; readonly isDefault: boolean },
    remember: (attachment: RecordedAttachment) => void,
    pod: PodIdentity,
    signal: AbortSignal,
  ): Promise<AttachedNetwork> {
    const { element, own, isDefault } = wish;
    const { objects, blocks } = this.#requireApi();
    for (const address of addresses) {
      const text = formatIp(address);
      const object = {
        apiVersion: `${networksGroup}/v1`,
        kind: 'NetworkAddress',
        metadata: { name: addressClaimName(name, address) },
        spec: {
          network: name,
          address: text,
          pod,
          nodeName: objects.nodeName,
          ...(element.mac ? { mac: element.mac } : {}),
        },
      };
      const holder = await objects.reserve(object, signal);
      if (!holder) continue;
      const { pod: other, nodeName } = holder.spec;
      throw new AttachmentError(
        `${element.place}: address ${text} of Network ${name} is held by pod ${other.namespace}/${other.name} on node ${nodeName}: it is free when that pod is gone`,
      );
    }
    const dynamic = ([4, 6] as const).filter((family) => !addresses.some((each) => each.family === family));
    return blocks.during(name, async () => {
      for (let claims = 0; ; claims++) {
        const list = parseConflist(
          conflistFrom(
            network,
            { ...this.#options.node, mtu: await this.#options.mtu(signal) },
            {
              blocks: await blocks.blocksFor(network, dynamic, signal),
              addresses,
              isDefault,
              hasPorts: (own.capabilityArgs.portMappings?.length ?? 0) > 0,
              hasBandwidth: own.capabilityArgs.bandwidth !== undefined,
            },
          ),
          `Network ${name}`,
        );
        try {
          return await this.#add({ name, list, request: own, isDefault }, remember, signal);
        } catch (error) {
          if (!isExhausted(error) || claims === claimsMax) throw error;
          await blocks.claim(network, /range set: [^,]*:/.test(messageOf(error)) ? 6 : 4, signal);
        }
      }
    });
  }

  async #add(
    {
      name,
      list,
      request,
      isDefault,
    }: {
      readonly name: string;
      readonly list: NetworkConfigList;
      readonly request: AttachmentRequest;
      readonly isDefault: boolean;
    },
    remember: (attachment: RecordedAttachment) => void,
    signal: AbortSignal,
  ): Promise<AttachedNetwork> {
    const { ifName, capabilityArgs, args } = request;
    remember({ name, ifName, list, capabilityArgs, args });
    const result = await this.#deps.chainOf(list).add(request, signal);
    return { name, ifName, isDefault, result };
  }

  async #leave(record: AttachmentRecord, attachment: RecordedAttachment, signal: AbortSignal): Promise<void> {
    const { list, ifName, capabilityArgs, args } = attachment;
    const request = { containerId: record.sandboxId, netns: record.netnsPath, ifName, args, capabilityArgs };
    await this.#deps.chainOf(list).del(request, signal);
  }

  /** What our own plugins make for a definition belongs to this cluster, too. */
  #withArgs(list: NetworkConfigList, { cniArgs }: NetworkElement): NetworkConfigList {
    const { clusterId } = this.#options.node;
    const ours = new Set(builtInPlugins.map(({ name }) => name));
    const plugins = list.plugins.map((plugin) => ({
      ...plugin,
      ...(ours.has(plugin.type) && plugin.slipway === undefined ? { slipway: { clusterId } } : {}),
      ...(cniArgs ? { args: { ...plugin.args, cni: { ...plugin.args?.cni, ...cniArgs } } } : {}),
    }));
    return { ...list, plugins };
  }

  async #routeDefaults(request: AttachmentsRequest, joined: readonly Joined[], signal: AbortSignal): Promise<void> {
    const primary = joined.find(({ ifName }) => ifName === podInterface);
    for (const { element, ifName } of joined) {
      if (!element || element.defaultRoute.length === 0) continue;
      const former =
        primary && primary.ifName !== ifName ? { ...primary, networks: this.#options.clusterNetworks } : undefined;
      const lines = defaultRouteLines({ ifName, gateways: element.defaultRoute, former });
      try {
        await this.#deps.host.ip(lines, { netns: request.netnsPath, signal });
      } catch (error) {
        throw new AttachmentError(
          `${element.place}: default-route ${element.defaultRoute.join(', ')}: ${messageOf(error)}`,
          { cause: error },
        );
      }
    }
  }

  /** When the API server is away it is told later. */
  async #publish(record: AttachmentRecord, signal: AbortSignal): Promise<void> {
    const { unpublished, ...rest } = record;
    if (unpublished === undefined || !this.#api) return;
    try {
      await this.#api.objects.annotatePod(record.pod, { [networkStatusAnnotation]: unpublished }, signal);
      this.#records.save(rest);
    } catch (error) {
      if (signal.aborted) return;
      const { namespace, name } = record.pod;
      this.#deps.log.warn({ pod: `${namespace}/${name}`, reason: messageOf(error) }, 'network-status not written yet');
    }
  }
}

function isExhausted(error: unknown): boolean {
  return (
    error instanceof CniError &&
    error.code === cniErrorCodes.addressUnavailable &&
    error.message.includes('no IP addresses available')
  );
}

/** Host ports of the pod's containers go with eth0. */
function capabilitiesOf(element: NetworkElement, { primary }: AttachmentsRequest): RuntimeConfig {
  const inherited = element.ifName === podInterface ? primary.capabilityArgs : {};
  return {
    ...inherited,
    ...(element.mac ? { mac: element.mac } : {}),
    ...(element.portMappings.length > 0 ? { portMappings: [...element.portMappings] } : {}),
    ...(element.bandwidth ? { bandwidth: element.bandwidth } : {}),
  };
}

/** To plugins that know no capability for it a request comes as an argument. */
function withAsked(request: AttachmentRequest, { ips, mac }: NetworkElement): AttachmentRequest {
  const args = [
    ...request.args,
    ...(ips.length > 0 ? [['IP', ips.map((ip) => ip.split('/')[0]).join(',')] as const] : []),
    ...(mac ? [['MAC', mac] as const] : []),
  ];
  return { ...request, args, capabilityArgs: { ...request.capabilityArgs, ...(ips.length > 0 ? { ips } : {}) } };
}

/** A plugin may ignore a request; then the pod would run under another address than its users think. */
function requireAsked({ ips, mac, ifName }: NetworkElement, result: CniResult): void {
  const got = addressesOf(result).map(canonical);
  const missing = ips.map((ip) => canonical(ip.split('/')[0] ?? '')).filter((ip) => !got.includes(ip));
  if (missing.length > 0) {
    throw new Error(
      `the address ${missing.join(', ')} was asked for, and its plugins gave ${got.join(', ') || 'none'}: they need the capability "ips" (host-local, static)`,
    );
  }
  const given = result.interfaces.find(({ name, sandbox }) => name === ifName && sandbox)?.mac?.toLowerCase();
  if (mac && given !== mac) {
    throw new Error(`the MAC ${mac} was asked for, and its plugins gave ${given}: they need the capability "mac"`);
  }
}

function canonical(text: string): string {
  const address = parseIp(text);
  return address ? formatIp(address) : text;
}

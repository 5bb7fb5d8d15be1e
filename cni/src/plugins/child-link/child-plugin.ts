import { neverAborted } from '@slipway/kit/abort';
import { messageOf } from '@slipway/kit/errors';
import type { UndoStack } from '@slipway/kit/undo-stack';
import { type Host, type HostOptions, KernelError } from '../../host/host.ts';
import type { ChildLinkKind, LinkStep } from '../../host/link-step.ts';
import type { CniPlugin, CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import type { CniIp, CniResult, NetworkConfig } from '../../spec/types.ts';
import { allocateAddresses } from '../container-link/allocate-addresses.ts';
import { checkContainerLink, checkFailed } from '../container-link/check-container-link.ts';
import { hostInterfaceName, interfaceAlias } from '../names.ts';
import { acquireParent, type Parent, requireParent } from '../parent/acquire-parent.ts';
import { missingDriver } from '../parent/missing-driver.ts';
import type { ParentUse } from '../parent/parent-names.ts';
import { collectParents, isUserOfParent, releaseParent } from '../parent/release-parent.ts';
import { type ChildConfig, ipv6MtuMin } from './child-config.ts';
import { planChild } from './child-plan.ts';

/** What macvlan and ipvlan differ in. */
export interface ChildDriver<Config extends ChildConfig> {
  readonly name: 'macvlan' | 'ipvlan';
  parseConfig(network: NetworkConfig): Config;
  link(config: Config): ChildLinkKind;
  /** What the users of one parent must agree on. */
  terms(config: Config): string;
  /** Whether the kernel lets users of one parent disagree, and changes the ones before to what the last one says. */
  readonly mustAgree: boolean;
  /** Undefined where the kernel shall take the parent's. */
  mac(request: CniRequest<Config>, allocated: CniResult): string | undefined;
  hasNoNeighbours(config: Config): boolean;
  /** Why the kernel says "invalid argument", or an address is in use, which it does not explain itself. */
  explain(error: KernelError, config: Config, parent: Parent): string | undefined;
  /** Throws `checkFailed` when the link is not as configured. `data` as `ip -details` shows it. */
  checkLink(data: Readonly<Record<string, unknown>>, config: Config): void;
}

/** An interface of the container that shares a parent of the host with others. */
export function createChildPlugin<Config extends ChildConfig>(driver: ChildDriver<Config>): CniPlugin<Config> {
  const useOf = (config: Config): ParentUse => ({ driver: driver.name, terms: driver.terms(config) });
  const terms = (config: Config) => ({ wish: config.parent, use: useOf(config), mustAgree: driver.mustAgree });
  return {
    name: driver.name,
    delegatesIpam: true,
    parseConfig: (network) => driver.parseConfig(network),

    async add(request, host, undo) {
      const parent = await acquireParent(request, terms(request.config), host, undo);
      const mtu = requireMtu(request.config, parent);
      const allocated = await allocateAddresses(request, undo);
      requireIpv6Mtu(allocated, mtu);
      const mac = driver.mac(request, allocated);
      const hasNoNeighbours = driver.hasNoNeighbours(request.config);
      const plan = planChild(request, allocated, { mac: mac ?? parent.link.mac, mtu, hasNoNeighbours });
      const { netns, signal } = request;
      try {
        await makeLink({ driver, request, parent, mac }, host, undo);
        if (!hasNoNeighbours) await announce(request.ifName, allocated, host, { netns, signal });
        await host.link(plan.containerSteps, { netns, signal });
      } catch (error) {
        throw explained(error, driver, request, parent);
      }
      return plan.result;
    },

    async check(request, previous, host) {
      if (request.ipam.isConfigured) await request.ipam.check();
      const shown = await checkContainerLink(request, previous, host);
      const { info_kind: kind, info_data: data } = (shown.linkinfo ?? {}) as Readonly<Record<string, unknown>>;
      if (kind !== driver.name) throw checkFailed(`${request.ifName} is no ${driver.name} interface`);
      driver.checkLink((data ?? {}) as Readonly<Record<string, unknown>>, request.config);
      await requireParent(request, request.config.parent, host).catch((error: unknown) => {
        throw error instanceof CniError ? checkFailed(error.message) : error;
      });
    },

    /** The link goes first, so that its address is not in use any more when somebody else gets it. */
    async del(request, host) {
      const failures: unknown[] = [];
      const collect = (error: unknown) => void failures.push(error);
      const { config, signal } = request;
      // Asked before, for the kernel answers no such question while it takes a link away, and most parents note nobody.
      const isNoted = await isUserOfParent(request, useOf(config), host, signal).catch(() => true);
      await removeLinks(request, driver.name, host).catch(collect);
      if (request.ipam.isConfigured) await request.ipam.del().catch(collect);
      if (isNoted) await releaseParent(request, useOf(config), host, signal).catch(collect);
      if (failures.length === 1) throw failures[0];
      if (failures.length > 1) throw new AggregateError(failures, messageOf(failures[0]), { cause: failures[0] });
    },

    async status(request, host) {
      if (!(await host.knowsLinkKind(driver.name, { signal: request.signal }))) throw missingDriver(driver.name);
      await requireParent(request, request.config.parent, host).catch((error: unknown) => {
        throw error instanceof CniError ? new CniError('pluginNotAvailable', error.message, { cause: error }) : error;
      });
    },

    /** An interface goes with its container's namespace; what others of the network still need is the parent. */
    gc: ({ network, signal }, valid, host) => collectParents(network, valid, host, { signal }),
  };
}

/**
 * Once the link is up the LAN is told who has the address now: it may have been another container's, on another host, and
 * neighbours remember its MAC for minutes.
 */
async function announce(link: string, { ips }: CniResult, host: Host, options: HostOptions): Promise<void> {
  const isIpv6 = ({ address }: CniIp) => address.includes(':');
  if (!ips.every(isIpv6)) await host.writeSysctl(`net/ipv4/conf/${link}/arp_notify`, '1', options);
  if (ips.some(isIpv6)) await host.writeSysctl(`net/ipv6/conf/${link}/ndisc_notify`, '1', options);
}

function requireMtu({ mtu }: ChildConfig, { link, label }: Parent): number {
  if (mtu === undefined || mtu <= link.mtu) return mtu ?? link.mtu;
  throw new CniError('invalidNetworkConfig', `mtu: ${mtu} is more than ${label} has (${link.mtu})`);
}

function requireIpv6Mtu({ ips }: CniResult, mtu: number): void {
  const ip = ips.find(({ address }) => address.includes(':'));
  if (!ip || mtu >= ipv6MtuMin) return;
  throw new CniError('invalidNetworkConfig', `mtu: ${mtu} is too small for ${ip.address}: IPv6 needs ${ipv6MtuMin}`);
}

interface Making<Config extends ChildConfig> {
  readonly driver: ChildDriver<Config>;
  readonly request: CniRequest<Config>;
  readonly parent: Parent;
  readonly mac: string | undefined;
}

/**
 * In the container from the start. Kernels before 6.14 also look at the host's names and refuse an `eth0` where the host has one: then
 * it is made under a name that nobody has, and renamed, for which the kernel waits some milliseconds.
 */
async function makeLink<Config extends ChildConfig>(
  { driver, request, parent, mac }: Making<Config>,
  host: Host,
  undo: UndoStack,
): Promise<void> {
  const { config, netns, signal, ifName } = request;
  const child = driver.link(config);
  const where = parent.netns === undefined ? { netns } : {};
  const step = (name: string): LinkStep => {
    return { step: 'addChildLink', name, parent: parent.link.name, child, mac, mtu: config.mtu, ...where };
  };
  const make = (name: string) => host.link([step(name)], { netns: parent.netns, signal });
  const forget = () => undo.push('remove the interface', () => removeLinks(request, driver.name, host, neverAborted));
  try {
    await make(ifName);
    forget();
  } catch (error) {
    if (error instanceof KernelError && error.isUnsupported && !(await host.knowsLinkKind(child.kind, { signal }))) {
      throw missingDriver(child.kind, error);
    }
    const isTaken = error instanceof KernelError && error.isExisting;
    if (!isTaken || (await host.linkInfo({ name: ifName }, { netns, signal }))) throw error;
    const draftName = draftNameOf(request);
    await make(draftName);
    forget();
    await host.link([{ step: 'renameLink', name: draftName, newName: ifName }], { netns, signal });
  }
}

/** Unique wherever it is made. */
function draftNameOf({ containerId, ifName }: Pick<CniRequest<unknown>, 'containerId' | 'ifName'>): string {
  return hostInterfaceName(containerId, ifName);
}

function explained<Config extends ChildConfig>(
  error: unknown,
  driver: ChildDriver<Config>,
  request: CniRequest<Config>,
  parent: Parent,
): unknown {
  if (!(error instanceof KernelError)) return error;
  const say = (message: string) => new CniError('kernelRefused', message, { details: error.message, cause: error });
  const because = driver.explain(error, request.config, parent);
  if (because) return say(because);
  if (error.isExisting) return say(`container ${request.containerId} already has an interface ${request.ifName}`);
  if (error.errno === 'EBUSY') {
    return say(`${parent.label} is taken: a port of a bridge or bond, or of macvlan and ipvlan at once, it cannot be`);
  }
  return error;
}

/** Only what is of this attachment: the name may belong to what another plugin or an earlier ADD made. */
async function removeLinks(
  request: CniRequest<ChildConfig>,
  kind: string,
  host: Host,
  signal: AbortSignal = request.signal,
): Promise<void> {
  const { netns, ifName } = request;
  if (!netns || !(await host.netnsExists(netns))) return;
  const options = { netns, signal };
  const draftName = draftNameOf(request);
  try {
    const draft = await host.linkInfo({ name: draftName }, options);
    if (draft?.kind === kind) await host.link([{ step: 'deleteLink', name: draftName }], options);
    const link = await host.linkInfo({ name: ifName }, options);
    // The pod's UID at the end of the alias may be missing on DEL, so it is not compared.
    const mine = interfaceAlias(request).split('/').slice(0, -1).join('/');
    if (link?.kind === kind && (!link.alias || link.alias.startsWith(`${mine}/`))) {
      await host.link([{ step: 'deleteLink', name: ifName }], options);
    }
  } catch (error) {
    // The namespace may go at any moment while its container is torn down.
    if (!(error instanceof KernelError && (error.isMissing || !(await host.netnsExists(netns))))) throw error;
  }
}

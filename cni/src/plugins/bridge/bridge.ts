import { neverAborted } from '@slipway/kit/abort';
import { messageOf } from '@slipway/kit/errors';
import { type Host, KernelError } from '../../host/host.ts';
import type { CniPlugin, CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import { allocateAddresses } from '../container-link/allocate-addresses.ts';
import { requestedMac } from '../container-link/requested-mac.ts';
import { clusterIdOf, hostInterfaceName, parseInterfaceAlias } from '../names.ts';
import { type AttachmentPlan, planAttachment } from './attachment-plan.ts';
import { type BridgeConfig, parseBridgeConfig } from './bridge-config.ts';
import { checkBridge } from './check-bridge.ts';
import { ensureBridge } from './ensure-bridge.ts';
import { checkMacGuard, guardMac, unguardAllBut, unguardMac } from './mac-guard.ts';

/** A veth pair between the container and a Linux bridge of the host. */
export const bridge: CniPlugin<BridgeConfig> = {
  name: 'bridge',
  delegatesIpam: true,
  parseConfig: parseBridgeConfig,

  async add(request, host, undo) {
    const allocated = await allocateAddresses(request, undo);
    const plan = planAttachment(request, allocated);
    await attachToBridge(request, plan, host);
    undo.push('remove the interface', async () => void (await removeLink(plan.hostInterface, host, neverAborted)));
    if (request.config.macspoofchk) {
      undo.push('remove the MAC guard', () => unguardMac(request, host));
      await guardMac(request, plan.hostInterface, plan.containerMac, host);
    }
    await prepareContainer(request, plan, host);
    await host.link(plan.containerSteps, { netns: request.netns, signal: request.signal });
    return plan.result;
  },

  async check(request, previous, host) {
    if (request.ipam.isConfigured) await request.ipam.check();
    await checkBridge(request, previous, host);
    if (request.config.macspoofchk) await checkMacGuard(request, host, request.signal);
  },

  /** The link goes first, so that its address is not in use any more when somebody else gets it. */
  async del(request, host) {
    const failures: unknown[] = [];
    const collect = (error: unknown) => void failures.push(error);
    await removeEnds(request, host).catch(collect);
    if (request.config.macspoofchk) await unguardMac(request, host).catch(collect);
    if (request.ipam.isConfigured) await request.ipam.del().catch(collect);
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, messageOf(failures[0]), { cause: failures[0] });
  },

  async gc({ network, config, signal }, valid, host) {
    const expected = new Set(valid.map(({ containerID, ifname }) => hostInterfaceName(containerID, ifname)));
    for (const link of await host.ipShow(['link', 'show', 'master', config.bridge], { signal })) {
      const name = String(link.ifname);
      const owner = parseInterfaceAlias(link.ifalias);
      if (owner?.network === network.name && !expected.has(name)) await removeLink(name, host, signal);
    }
    if (config.macspoofchk) await unguardAllBut({ network }, valid, host);
  },
};

/**
 * Before the link is up. IPv6 is off inside where a runtime wants no address of its own; an address of ours is wanted. A link-local
 * address can be used at once like ours. An address with a MAC of its own is told to neighbours, who may know another one.
 */
async function prepareContainer(request: CniRequest<BridgeConfig>, plan: AttachmentPlan, host: Host): Promise<void> {
  const { config, netns, signal, ifName } = request;
  const set = (family: 'ipv4' | 'ipv6', name: string, value: string) =>
    host.writeSysctl(`net/${family}/conf/${ifName}/${name}`, value, { netns, signal });
  if (plan.ips.some((ip) => ip.isIpv6)) {
    await set('ipv6', 'disable_ipv6', '0');
    if (!config.enableDad) await set('ipv6', 'accept_dad', '0');
  }
  if (!requestedMac(request)) return;
  if (plan.ips.some((ip) => !ip.isIpv6)) await set('ipv4', 'arp_notify', '1');
  if (plan.ips.some((ip) => ip.isIpv6)) await set('ipv6', 'ndisc_notify', '1');
}

/** The bridge is looked at once per process; when it turns out to be gone, it is made again. */
async function attachToBridge(request: CniRequest<BridgeConfig>, plan: AttachmentPlan, host: Host): Promise<void> {
  const { config, network, signal } = request;
  const wish = { config, ips: plan.ips, clusterId: clusterIdOf(network), network: network.name };
  const memory = `bridge/${JSON.stringify(config)}/${plan.ips.map((ip) => ip.bridgeAddress).join()}`;
  const ensure = () => host.once(memory, () => ensureBridge(wish, host, { signal: neverAborted }));
  await ensure();
  try {
    await host.link(plan.hostSteps, { signal });
  } catch (error) {
    // Not ours to remove: an earlier ADD of the same attachment made it.
    if (error instanceof KernelError && error.isExisting) throw duplicate(error, request);
    await removeLink(plan.hostInterface, host, neverAborted);
    if (!(error instanceof KernelError && error.isMissing)) throw error;
    host.forget(memory);
    await ensure();
    await host.link(plan.hostSteps, { signal });
  }
}

function duplicate(error: KernelError, request: CniRequest<BridgeConfig>): CniError {
  const message = `container ${request.containerId} already has an interface ${request.ifName}, or its host side exists`;
  return new CniError('kernelRefused', message, { details: error.message, cause: error });
}

/** One end takes the other along. Without ours on the host there may still be one that another plugin made. */
async function removeEnds(request: CniRequest<BridgeConfig>, host: Host): Promise<void> {
  const { containerId, ifName, netns, signal } = request;
  const wasOurs = await removeLink(hostInterfaceName(containerId, ifName), host, signal);
  if (wasOurs || !netns || !(await host.netnsExists(netns))) return;
  await host.link([{ step: 'deleteLink', name: ifName }], { netns, signal }).catch((error: unknown) => {
    // The namespace may go at any moment while its container is torn down.
    if (!(error instanceof KernelError)) throw error;
  });
}

/** False when there was none. */
async function removeLink(name: string, host: Host, signal: AbortSignal): Promise<boolean> {
  try {
    await host.link([{ step: 'deleteLink', name }], { signal });
    return true;
  } catch (error) {
    if (error instanceof KernelError && error.isMissing) return false;
    throw error;
  }
}

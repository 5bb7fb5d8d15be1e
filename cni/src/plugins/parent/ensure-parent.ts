import { type Host, type HostOptions, KernelError, type LinkInfo } from '../../host/host.ts';
import type { LinkStep } from '../../host/link-step.ts';
import { CniError } from '../../spec/cni-error.ts';
import type { NetworkConfig } from '../../spec/types.ts';
import { missingDriver } from './missing-driver.ts';
import { type ParentWish, parseVlanName, type VlanName } from './parent-config.ts';
import { ownParentName, parentAlias, parentGroup } from './parent-names.ts';

/** The parent of a network; undefined when it is not there (yet). */
export async function findParent(
  network: NetworkConfig,
  wish: ParentWish,
  host: Host,
  options: HostOptions,
): Promise<LinkInfo | undefined> {
  const name = await parentName(network, wish, host, options);
  return host.linkInfo({ name }, options);
}

/** Makes the parent when it is ours to make, and there is none. Under the host's lock. */
export async function ensureParent(
  network: NetworkConfig,
  wish: ParentWish,
  host: Host,
  options: HostOptions,
): Promise<LinkInfo> {
  const name = await parentName(network, wish, host, options);
  const known = await host.linkInfo({ name }, options);
  if (known) return known;
  if (wish.kind === 'own') await makeLoneParent(name, host, options);
  else await makeVlan(name, await requireVlanBase(wish, name, host, options), host, options);
  await keepHostOff(name, host, options);
  await host.link([{ step: 'setLink', name, isUp: true, alias: parentAlias(network) }], options);
  const made = await host.linkInfo({ name }, options);
  if (made) return made;
  throw new CniError('tryAgainLater', `parent: ${name} was removed by somebody else as soon as it was made`);
}

/** What a sub-interface that is to be made hangs on itself. */
export async function requireVlanBase(
  wish: ParentWish,
  name: string,
  host: Host,
  options: HostOptions,
): Promise<VlanName> {
  const field = wish.kind === 'named' ? wish.field : 'parent';
  const invalid = (problem: string) => new CniError('invalidNetworkConfig', `${field}: ${problem}`);
  const vlan = parseVlanName(name);
  if (!vlan) throw invalid(`${name} does not exist on this node`);
  const base = await host.linkInfo({ name: vlan.base }, options);
  if (!base) throw invalid(`${name} does not exist on this node, and ${vlan.base} to make it on does not either`);
  if (base.isLoopback) throw invalid(`${name}: ${vlan.base} is a loopback interface, which leads nowhere`);
  if (!base.isUp) throw invalid(`${name}: ${vlan.base} is down: "ip link set ${vlan.base} up"`);
  return vlan;
}

/** Where nothing is named, the interface of the first default route. */
export async function parentName(
  network: NetworkConfig,
  wish: ParentWish,
  host: Host,
  options: HostOptions,
): Promise<string> {
  if (wish.kind === 'named') return wish.name;
  if (wish.kind === 'own') return ownParentName(network);
  for (const family of ['-4', '-6']) {
    const [route] = await host.ipShow([family, 'route', 'show', 'default'], options);
    if (typeof route?.dev === 'string') return route.dev;
  }
  throw new CniError(
    'invalidNetworkConfig',
    'master: none is named, and the host has no default route whose interface could be taken',
  );
}

async function makeVlan(name: string, { base, id }: VlanName, host: Host, options: HostOptions): Promise<void> {
  const child = { kind: 'vlan', id } as const;
  const step: LinkStep = { step: 'addChildLink', name, parent: base, child, group: parentGroup };
  await host.link([step], options).catch(async (error: unknown) => {
    if (!(error instanceof KernelError)) throw error;
    if (error.isUnsupported && !(await host.knowsLinkKind('vlan', options))) throw missingDriver('vlan', error);
    if (!error.isExisting) throw error;
    const message = `parent: ${base} has a sub-interface of VLAN ${id} already, under another name than ${name}: name that`;
    throw new CniError('invalidNetworkConfig', message, { details: error.message, cause: error });
  });
}

/** A bridge without ports leads nowhere either; a kernel that has no dummies has bridges. */
async function makeLoneParent(name: string, host: Host, options: HostOptions): Promise<void> {
  const step = (kind: 'dummy' | 'bridge'): LinkStep => ({ step: 'addLoneLink', name, kind, group: parentGroup });
  await host.link([step('dummy')], options).catch(async (error: unknown) => {
    if (!(error instanceof KernelError && error.isUnsupported)) throw error;
    await host.link([step('bridge')], options);
  });
}

/** The sub-interface is for containers: the host itself shall not appear in that LAN. */
async function keepHostOff(name: string, host: Host, options: HostOptions): Promise<void> {
  for (const [setting, value] of [
    ['addr_gen_mode', '1'],
    ['accept_ra', '0'],
  ] as const) {
    await host.writeSysctl(`net/ipv6/conf/${name}/${setting}`, value, options).catch((error: unknown) => {
      if (!(error instanceof KernelError && error.isMissing)) throw error; // a kernel without IPv6
    });
  }
}

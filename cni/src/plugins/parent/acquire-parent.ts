import { neverAborted } from '@slipway/kit/abort';
import type { UndoStack } from '@slipway/kit/undo-stack';
import type { Host, HostOptions, LinkInfo } from '../../host/host.ts';
import type { CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import { ensureParent, findParent, parentName, requireVlanBase } from './ensure-parent.ts';
import { missingDriver } from './missing-driver.ts';
import type { ParentWish } from './parent-config.ts';
import { isOwnParent, type ParentUse, useFrom, useName, usesOf } from './parent-names.ts';
import { releaseParent, removeUnusedParent } from './release-parent.ts';

export interface Parent {
  readonly link: LinkInfo;
  /** Namespace that it is in; the host's own when absent. */
  readonly netns: string | undefined;
  /** `master eth0`, for messages. */
  readonly label: string;
}

/** How a parent is taken. */
export interface ParentTerms {
  readonly wish: ParentWish;
  readonly use: ParentUse;
  /** Whether users of one parent must agree although the kernel does not say so, so that they are counted on any parent. */
  readonly mustAgree: boolean;
}

type Request = Pick<CniRequest<unknown>, 'network' | 'containerId' | 'ifName' | 'netns' | 'signal'>;

/**
 * Finds the parent, makes it where that is ours to do, and notes this attachment as its user, which `undo` takes back.
 * A parent that is somebody else's costs one question to the kernel and no lock.
 */
export async function acquireParent(
  request: Request,
  { wish, use, mustAgree }: ParentTerms,
  host: Host,
  undo: UndoStack,
): Promise<Parent> {
  const options: HostOptions = { signal: request.signal };
  if (wish.kind === 'named' && wish.isInContainer) {
    const link = await host.linkInfo(wish, { ...options, netns: request.netns });
    if (!link) throw invalidParent(wish, `${wish.name} does not exist in the container`);
    return { link: usable(link, wish), netns: request.netns, label: labelOf(wish, link.name) };
  }
  const known = await findParent(request.network, wish, host, options);
  if (known && !isOwnParent(known) && !mustAgree) {
    return { link: usable(known, wish), netns: undefined, label: labelOf(wish, known.name) };
  }
  const note = async () => {
    const found = usable(await ensureParent(request.network, wish, host, options), wish);
    requireAgreement(found, use, wish);
    const name = useName(request, use);
    // An earlier ADD of this attachment may have noted it already, and its DEL will take it away.
    if (found.alternativeNames.includes(name)) return found;
    undo.push('give the parent up', () => releaseParent(request, use, host, neverAborted));
    await host.link([{ step: 'addAlternativeName', name: found.name, alternativeName: name }], options);
    return found;
  };
  const link = await host.exclusively(async () => {
    try {
      return await note();
    } catch (error) {
      await removeUnusedParent(await parentName(request.network, wish, host, options), host);
      throw error;
    }
  }, options);
  return { link, netns: undefined, label: labelOf(wish, link.name) };
}

/** The parent without making or noting anything: throws what an ADD would. */
export async function requireParent(
  { network, signal }: Pick<Request, 'network' | 'signal'>,
  wish: ParentWish,
  host: Host,
): Promise<void> {
  const options: HostOptions = { signal };
  if (wish.kind === 'own' || (wish.kind === 'named' && wish.isInContainer)) return;
  const found = await findParent(network, wish, host, options);
  if (found) usable(found, wish);
  else {
    await requireVlanBase(wish, await parentName(network, wish, host, options), host, options);
    if (!(await host.knowsLinkKind('vlan', options))) throw missingDriver('vlan');
  }
}

function usable(link: LinkInfo, wish: ParentWish): LinkInfo {
  if (link.isLoopback) throw invalidParent(wish, `${link.name} is a loopback interface, which leads nowhere`);
  if (!link.isUp) throw invalidParent(wish, `${link.name} is down: "ip link set ${link.name} up"`);
  return link;
}

function requireAgreement(link: LinkInfo, use: ParentUse, wish: ParentWish): void {
  for (const other of usesOf(link).map(useFrom)) {
    if (other.driver !== use.driver) {
      throw invalidParent(wish, `${link.name} is in use by ${other.driver}; it cannot serve ${use.driver} as well`);
    }
    if (other.driver === 'ipvlan' && other.terms !== use.terms) {
      const [mine, theirs] = [use.terms, other.terms].map((terms) => terms.replace('_', ' with flag '));
      throw new CniError(
        'invalidNetworkConfig',
        `mode ${mine}: ${link.name} serves mode ${theirs} already, and has one for all of its ipvlan interfaces`,
      );
    }
  }
}

function labelOf(wish: ParentWish, name: string): string {
  return wish.kind === 'named' ? `${wish.field} ${name}` : `parent ${name}`;
}

export function invalidParent(wish: ParentWish, problem: string): CniError {
  return new CniError('invalidNetworkConfig', `${wish.kind === 'named' ? wish.field : 'parent'}: ${problem}`);
}

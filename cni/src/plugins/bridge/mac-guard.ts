import { neverAborted } from '@slipway/kit/abort';
import { type Host, KernelError } from '../../host/host.ts';
import type { NftElement, NftTable } from '../../host/netlink/set-messages.ts';
import { interfaceField, macField } from '../../host/nft-fields.ts';
import type { CniRequest } from '../../skeleton/plugin.ts';
import type { Attachment } from '../../spec/types.ts';
import { checkFailed } from '../container-link/check-container-link.ts';
import { attachmentComment, attachmentKey, clusterIdOf, networkKey } from '../names.ts';
import { isCommentOf, removeElementsWhere } from '../owned-elements.ts';

/**
 * `macspoofchk`: a container sends with its own MAC address or not at all. One table per cluster, in the bridge's own family; a
 * port is two elements in sets.
 */
type Request = Pick<CniRequest<unknown>, 'args' | 'containerId' | 'ifName' | 'network'>;

const guardSets = ['guarded', 'allowed'] as const;

export async function guardMac(request: Request, port: string, mac: string, host: Host): Promise<void> {
  const table = guardTable(request);
  const memory = `macguard/${table.name}`;
  const ensure = () => host.once(memory, () => host.nft(guardRuleset(table.name), { signal: neverAborted }));
  const add = () =>
    host.nftElements({ table, add: guardElements(request, port, mac), remove: [] }, { signal: neverAborted });
  await ensure();
  try {
    await add();
  } catch (error) {
    if (!(error instanceof KernelError && error.isMissing)) throw error;
    host.forget(memory); // somebody removed the table
    await ensure();
    await add();
  }
}

export async function checkMacGuard(request: Request, host: Host, signal: AbortSignal): Promise<void> {
  const key = attachmentKey(request.network.name, request.containerId, request.ifName);
  const listed = (await host.nftListElements(guardTable(request), guardSets, { signal })) ?? [];
  if (listed.filter(({ comment }) => isCommentOf(comment, key)).length < guardSets.length) {
    throw checkFailed(`macspoofchk: the rules of ${request.containerId} are missing`);
  }
}

export async function unguardMac(request: Request, host: Host): Promise<void> {
  const key = attachmentKey(request.network.name, request.containerId, request.ifName);
  await removeWhere(request, host, ({ comment }) => isCommentOf(comment, key));
}

export async function unguardAllBut(
  request: Pick<Request, 'network'>,
  valid: readonly Attachment[],
  host: Host,
): Promise<void> {
  const { name } = request.network;
  const keep = new Set(valid.map(({ containerID, ifname }) => attachmentKey(name, containerID, ifname)));
  await removeWhere(
    request,
    host,
    ({ comment }) => comment?.startsWith(networkKey(name)) === true && !keep.has(comment.split(' ')[0] ?? ''),
  );
}

function removeWhere(request: Pick<Request, 'network'>, host: Host, isMeant: (element: NftElement) => boolean) {
  return removeElementsWhere(host, { table: guardTable(request), sets: guardSets }, isMeant, neverAborted);
}

function guardTable({ network }: Pick<Request, 'network'>): NftTable {
  return { family: 'bridge', name: `slipway-${clusterIdOf(network)}-macspoof` };
}

function guardElements(request: Request, port: string, mac: string): readonly NftElement[] {
  const comment = attachmentComment(request);
  return [
    { set: 'guarded', key: interfaceField(port), comment },
    { set: 'allowed', key: Buffer.concat([interfaceField(port), macField(mac)]), comment },
  ];
}

/** Idempotent: leaves the elements alone. */
function guardRuleset(table: string): string {
  return [
    `add table bridge ${table}`,
    `add set bridge ${table} guarded { type ifname; }`,
    `add set bridge ${table} allowed { type ifname . ether_addr; }`,
    `add chain bridge ${table} check`,
    `add chain bridge ${table} prerouting { type filter hook prerouting priority -300; policy accept; }`,
    `flush chain bridge ${table} check`,
    `flush chain bridge ${table} prerouting`,
    `add rule bridge ${table} prerouting iifname @guarded jump check`,
    `add rule bridge ${table} check iifname . ether saddr @allowed return`,
    `add rule bridge ${table} check drop`,
    '',
  ].join('\n');
}

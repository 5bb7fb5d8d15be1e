import { type Host, KernelError } from '../host/host.ts';
import type { NftElement, NftTable } from '../host/netlink/set-messages.ts';

/** Elements of nftables' sets whose comment names the attachment that they serve. */

/** Whether `comment` is one of the attachment with this key (see `attachmentKey`). */
export function isCommentOf(comment: string | undefined, key: string): boolean {
  return comment === key || comment?.startsWith(`${key} `) === true;
}

/** Somebody else may remove elements between the listing and the change, which then fails as a whole. */
const attemptsMax = 3;

/** Removes what `isMeant`; nothing when the table is not there. */
export async function removeElementsWhere(
  host: Host,
  where: { readonly table: NftTable; readonly sets: readonly string[] },
  isMeant: (element: NftElement) => boolean,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const listed = (await host.nftListElements(where.table, where.sets, { signal })) ?? [];
    try {
      await host.nftElements({ table: where.table, add: [], remove: listed.filter(isMeant) }, { signal });
      return;
    } catch (error) {
      if (attempt === attemptsMax || !(error instanceof KernelError && error.isMissing)) throw error;
    }
  }
}

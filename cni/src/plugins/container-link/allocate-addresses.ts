import type { UndoStack } from '@slipway/kit/undo-stack';
import type { CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import { type CniResult, emptyResult } from '../../spec/types.ts';

/** From the address plugin that the configuration names; none without one, for an interface that has only layer 2. */
export async function allocateAddresses(
  { ipam }: Pick<CniRequest<unknown>, 'ipam'>,
  undo: UndoStack,
): Promise<CniResult> {
  if (!ipam.isConfigured) return emptyResult;
  const allocated = await ipam.add();
  undo.push('give the addresses back', () => ipam.del());
  if (allocated.ips.length === 0) throw new CniError('invalidNetworkConfig', 'IPAM plugin returned missing IP config');
  return allocated;
}

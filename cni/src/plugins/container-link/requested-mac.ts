import type { CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';

const macPattern = /^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/;

/** By capability, by `args.cni`, by CNI_ARGS, in this order. Throws `CniError` when it is no address of one interface. */
export function requestedMac({ network, args }: Pick<CniRequest<unknown>, 'network' | 'args'>): string | undefined {
  const fromArgs = network.args?.cni?.mac;
  const mac = network.runtimeConfig?.mac || (typeof fromArgs === 'string' ? fromArgs : '') || args.get('MAC');
  return mac ? parseMac(mac) : undefined;
}

/** In lower case. */
export function parseMac(mac: string): string {
  // The lowest bit of the first byte says that many may listen to the address.
  const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
  if (macPattern.test(mac) && !isGroup && !/^[0:]+$/.test(mac)) return mac.toLowerCase();
  throw new CniError('invalidNetworkConfig', `invalid MAC address ${JSON.stringify(mac)}`);
}

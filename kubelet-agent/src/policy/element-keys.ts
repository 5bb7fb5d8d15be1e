import { parseIp } from '@slipway/api/ip-address';
import { addressField, type NftElement, portField } from '@slipway/cni';
import { invariant } from '@slipway/kit/invariant';
import type { SetElement } from './plan-transaction.ts';

/** Pure: `10.64.0.5`, or `10.64.0.5 . 6 . 80`, in the kernel's form. */
export function kernelElement({ set, element }: SetElement): NftElement {
  const [ip = '', protocol, port] = element.split(' . ');
  const address = parseIp(ip);
  invariant(address, `${element} in ${set} begins with no address`);
  const fields = [addressField(address)];
  if (protocol !== undefined) fields.push(Buffer.from([Number(protocol), 0, 0, 0]), portField(Number(port)));
  return { set, key: Buffer.concat(fields) };
}

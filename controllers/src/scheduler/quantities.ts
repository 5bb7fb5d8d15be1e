import { quantityMilliValue, quantityValue, tryParseQuantity } from '@slipway/api/quantity';

/** cpu in millicores, everything else in its base unit. 0 for a text that is no quantity: the server refuses those. */
export function amountOf(resource: string, text: string): number {
  const quantity = tryParseQuantity(text);
  if (!quantity) return 0;
  return Number(resource === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity));
}

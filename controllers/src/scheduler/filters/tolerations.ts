import type { Taint, Toleration } from '@slipway/api/types';

const integer = /^-?\d{1,19}$/;

/** Whether one of the tolerations covers the taint (core/v1 Toleration). */
export function isTolerated(taint: Taint, tolerations: readonly Toleration[]): boolean {
  return tolerations.some(
    (toleration) => (!toleration.effect || toleration.effect === taint.effect) && coversKey(toleration, taint),
  );
}

function coversKey({ operator, key, value = '' }: Toleration, taint: Taint): boolean {
  if (operator === 'Exists') return !key || key === taint.key;
  if (key !== taint.key) return false;
  const taintValue = taint.value ?? '';
  if (operator !== 'Gt' && operator !== 'Lt') return value === taintValue;
  if (!integer.test(value) || !integer.test(taintValue)) return false;
  return operator === 'Gt' ? BigInt(taintValue) > BigInt(value) : BigInt(taintValue) < BigInt(value);
}

/** Keeps pods away, in contrast to a preference. */
export function isHardTaint({ effect }: Taint): boolean {
  return effect === 'NoSchedule' || effect === 'NoExecute';
}

export function hasUntolerated(taints: readonly Taint[], tolerations: readonly Toleration[]): boolean {
  return taints.some((taint) => isHardTaint(taint) && !isTolerated(taint, tolerations));
}

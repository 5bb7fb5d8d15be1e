import type { Taint, Toleration } from '@slipway/api/types';

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  const operator = toleration.operator ?? 'Equal';
  if (operator === 'Exists') return true;
  return operator === 'Equal' && !!toleration.key && (toleration.value ?? '') === (taint.value ?? '');
}

/** Seconds for which a taint is borne: for ever, or undefined when it is not tolerated at all. The first toleration that fits says. */
export function toleratedSeconds(tolerations: readonly Toleration[], taint: Taint): number | undefined {
  const first = tolerations.find((toleration) => tolerates(toleration, taint));
  return first && Math.max(0, first.tolerationSeconds ?? Number.POSITIVE_INFINITY);
}

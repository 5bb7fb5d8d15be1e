/** A count or a percentage of some total: `3` or `"25%"`. Named ports use the same type with a name as the string. */
export type IntOrString = number | string;

const percentShape = /^[0-9]+%$/;

/** `25` for `"25%"`; undefined for numbers and other strings. */
export function percentOf(value: IntOrString): number | undefined {
  return typeof value === 'string' && percentShape.test(value) ? Number(value.slice(0, -1)) : undefined;
}

/** Upstream's messages for a string that should be a percentage; empty when it is one. */
export function percentProblems(value: string): string[] {
  return percentShape.test(value) ? [] : [notPercent];
}

const notPercent =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/**
 * The value as a count: a number is itself, a percentage is that part of the total, rounded up or down.
 * Undefined when it is a string that is no percentage.
 */
export function scaledValue(value: IntOrString, total: number, round: 'up' | 'down'): number | undefined {
  if (typeof value === 'number') return value;
  const percent = percentOf(value);
  if (percent === undefined) return undefined;
  const exact = (percent * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}

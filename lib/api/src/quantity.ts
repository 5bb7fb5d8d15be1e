/**
 * Amounts of resources: `500m`, `1.5Gi`, `2e3`. Held exactly as whole nanos (10^-9), the finest step that the API knows;
 * what is finer is rounded away from zero, what is beyond 2^63-1 is held there, as upstream does.
 *
 * Source: "Quantity" in the API conventions; the canonical form is the one that the server stores and returns.
 */
export interface Quantity {
  /** The amount times 10^9. */
  readonly nanos: bigint;
  /** How it is written: `500m` and `1k`, `1Ki`, or `1e3`. */
  readonly format: QuantityFormat;
}

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** The text is no quantity. The message is upstream's. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

interface Suffix {
  readonly format: QuantityFormat;
  /** What a number with the suffix is worth, in nanos. */
  readonly nanos: bigint;
}

const nanosPerUnit = 1_000_000_000n;
const nanosPerMilli = 1_000_000n;
const maxNanos = (2n ** 63n - 1n) * nanosPerUnit;

/** Smallest first: their place in the list is their exponent. */
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

const suffixes: ReadonlyMap<string, Suffix> = new Map<string, Suffix>([
  ...decimalSuffixes.map((text, i): [string, Suffix] => [text, { format: 'DecimalSI', nanos: 1000n ** BigInt(i) }]),
  ...binarySuffixes
    .slice(1)
    .map((text, i): [string, Suffix] => [text, { format: 'BinarySI', nanos: nanosPerUnit * 1024n ** BigInt(i + 1) }]),
]);

const shape = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/;
const exponentShape = /^[eE]([+-]?\d{1,3})$/;

/** The same few texts come with every pod; a full memo is emptied rather than searched for what to drop. */
const memoLimit = 2048;
const memo = new Map<string, Quantity>();

/** Throws QuantityError. */
export function parseQuantity(text: string): Quantity {
  const known = memo.get(text);
  if (known) return known;
  const quantity = parse(text);
  if (memo.size >= memoLimit) memo.clear();
  memo.set(text, quantity);
  return quantity;
}

/** Undefined when the text is no quantity. */
export function tryParseQuantity(text: string): Quantity | undefined {
  try {
    return parseQuantity(text);
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}

function parse(text: string): Quantity {
  const match = shape.exec(text);
  const [, sign = '', whole = '', fraction = '', suffixText = ''] = match ?? [];
  if (!match || (whole === '' && fraction === '')) {
    throw new QuantityError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  const digits = BigInt(whole + fraction);
  const { format, scaled } = scale(digits, suffixText);
  const magnitude = divideUp(scaled, 10n ** BigInt(fraction.length));
  const capped = magnitude > maxNanos ? maxNanos : magnitude;
  // Below one there is no binary form that would not round.
  const written = format === 'BinarySI' && capped > 0n && capped < nanosPerUnit ? 'DecimalSI' : format;
  return { nanos: sign === '-' ? -capped : capped, format: written };
}

/** `scaled` is in nanos, but for what the fraction's digits divide. */
function scale(digits: bigint, suffixText: string): { format: QuantityFormat; scaled: bigint } {
  const suffix = suffixes.get(suffixText);
  if (suffix) return { format: suffix.format, scaled: digits * suffix.nanos };
  const exponent = exponentShape.exec(suffixText)?.[1];
  if (exponent === undefined) throw new QuantityError("unable to parse quantity's suffix");
  const power = Number(exponent) + 9;
  return {
    format: 'DecimalExponent',
    scaled: power >= 0 ? digits * 10n ** BigInt(power) : divideUp(digits, 10n ** BigInt(-power)),
  };
}

/** Of a non-negative number. */
function divideUp(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor;
}

/** The canonical text: no fraction, the largest suffix that needs none. */
export function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity;
  if (nanos === 0n) return '0';
  const magnitude = nanos < 0n ? -nanos : nanos;
  const sign = nanos < 0n ? '-' : '';
  const binary = format === 'BinarySI' && magnitude >= 1024n * nanosPerUnit && magnitude % nanosPerUnit === 0n;
  return sign + (binary ? formatBinary(magnitude / nanosPerUnit) : formatDecimal(magnitude, format));
}

function formatBinary(units: bigint): string {
  let rest = units;
  let power = 0;
  while (rest % 1024n === 0n && power < binarySuffixes.length - 1) {
    rest /= 1024n;
    power++;
  }
  return `${rest}${binarySuffixes[power]}`;
}

function formatDecimal(nanos: bigint, format: QuantityFormat): string {
  let rest = nanos;
  let power = 0;
  while (rest % 1000n === 0n && power < decimalSuffixes.length - 1) {
    rest /= 1000n;
    power++;
  }
  const exponent = (power - 3) * 3;
  if (format !== 'DecimalExponent') return `${rest}${decimalSuffixes[power]}`;
  return exponent === 0 ? `${rest}` : `${rest}e${exponent}`;
}

/** Throws QuantityError. */
export function canonicalQuantity(text: string): string {
  return formatQuantity(parseQuantity(text));
}

/** Negative when `a` is less, 0 when equal. `1` and `1000m` are equal. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nanos === b.nanos ? 0 : a.nanos < b.nanos ? -1 : 1;
}

/** Written as `a` is, unless `a` is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos - b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

/** Whole units, rounded away from zero. */
export function quantityValue(quantity: Quantity): bigint {
  return roundAway(quantity.nanos, nanosPerUnit);
}

/** Thousandths, rounded away from zero: the unit of CPU accounting. */
export function quantityMilliValue(quantity: Quantity): bigint {
  return roundAway(quantity.nanos, nanosPerMilli);
}

/** The same amount in whole thousandths, rounded away from zero. */
export function roundToMilli(quantity: Quantity): Quantity {
  return quantity.nanos % nanosPerMilli === 0n
    ? quantity
    : { nanos: roundAway(quantity.nanos, nanosPerMilli) * nanosPerMilli, format: quantity.format };
}

function roundAway(nanos: bigint, step: bigint): bigint {
  return nanos < 0n ? -divideUp(-nanos, step) : divideUp(nanos, step);
}

export function quantityFromValue(units: bigint, format: QuantityFormat): Quantity {
  return { nanos: units * nanosPerUnit, format };
}

export function quantityFromMilli(milli: bigint, format: QuantityFormat): Quantity {
  return { nanos: milli * nanosPerMilli, format };
}

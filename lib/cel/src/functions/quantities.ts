/** Quantities: `quantity("500m").isLessThan(quantity("1"))`. */
import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  QuantityError,
  subtractQuantities,
  tryParseQuantity,
} from '@slipway/api/quantity';
import { CelError, CelQuantity, checkedInt } from '../values.ts';
import { overload, perCharacter, type Cost, type Overload } from './overload.ts';

const walk: Cost = { of: ([size = 0]) => size * perCharacter, work: 40 };
const nanosPerUnit = 1_000_000_000n;

function quantityFrom(text: string): CelQuantity {
  try {
    return new CelQuantity(parseQuantity(text));
  } catch (error) {
    if (error instanceof QuantityError) throw new CelError(error.message);
    throw error;
  }
}

function isWhole({ nanos }: Quantity): boolean {
  return nanos % nanosPerUnit === 0n && nanos / nanosPerUnit < 2n ** 63n;
}

function asInteger({ quantity }: CelQuantity): bigint {
  if (!isWhole(quantity)) throw new CelError('cannot convert value to integer');
  return checkedInt(quantity.nanos / nanosPerUnit);
}

function fromInt(units: bigint): Quantity {
  return { nanos: units * nanosPerUnit, format: 'DecimalSI' };
}

type Pair = [CelQuantity, CelQuantity];

export const quantityOverloads: readonly Overload[] = [
  overload<[string]>('quantity(string): Quantity', ([text]) => quantityFrom(text), walk),
  overload<[string]>('isQuantity(string): bool', ([text]) => tryParseQuantity(text) !== undefined, walk),
  overload<[CelQuantity]>('Quantity.isInteger(): bool', ([{ quantity }]) => isWhole(quantity)),
  overload<[CelQuantity]>('Quantity.asInteger(): int', ([quantity]) => asInteger(quantity)),
  overload<[CelQuantity]>('Quantity.asApproximateFloat(): double', ([{ quantity }]) => Number(quantity.nanos) / 1e9),
  overload<[CelQuantity]>(
    'Quantity.sign(): int',
    ([
      {
        quantity: { nanos },
      },
    ]) => (nanos > 0n ? 1n : nanos < 0n ? -1n : 0n),
  ),
  overload<Pair>(
    'Quantity.add(Quantity): Quantity',
    ([a, b]) => new CelQuantity(addQuantities(a.quantity, b.quantity)),
  ),
  overload<[CelQuantity, bigint]>(
    'Quantity.add(int): Quantity',
    ([a, b]) => new CelQuantity(addQuantities(a.quantity, fromInt(b))),
  ),
  overload<Pair>(
    'Quantity.sub(Quantity): Quantity',
    ([a, b]) => new CelQuantity(subtractQuantities(a.quantity, b.quantity)),
  ),
  overload<[CelQuantity, bigint]>(
    'Quantity.sub(int): Quantity',
    ([a, b]) => new CelQuantity(subtractQuantities(a.quantity, fromInt(b))),
  ),
  overload<Pair>('Quantity.isLessThan(Quantity): bool', ([a, b]) => compareQuantities(a.quantity, b.quantity) < 0),
  overload<Pair>('Quantity.isGreaterThan(Quantity): bool', ([a, b]) => compareQuantities(a.quantity, b.quantity) > 0),
  overload<Pair>('Quantity.compareTo(Quantity): int', ([a, b]) => BigInt(compareQuantities(a.quantity, b.quantity))),
];

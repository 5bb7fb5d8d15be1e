import fc from 'fast-check';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  quantityMilliValue,
  quantityValue,
  roundToMilli,
  subtractQuantities,
  tryParseQuantity,
} from './quantity.ts';

describe('canonicalQuantity', () => {
  it.each([
    ['0', '0'],
    ['0m', '0'],
    ['0Ki', '0'],
    ['1', '1'],
    ['+1', '1'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['5.', '5'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['100m', '100m'],
    ['0.1', '100m'],
    ['0.0001', '100u'],
    ['1k', '1k'],
    ['1000', '1k'],
    ['1000k', '1M'],
    ['1234', '1234'],
    ['1024', '1024'],
    ['1Ki', '1Ki'],
    ['1024Ki', '1Mi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Mi', '512Ki'],
    ['1000Ki', '1000Ki'],
    ['512Ki', '512Ki'],
    ['0.25Ki', '256'],
    ['1.1Ki', '1126400m'],
    ['1e3', '1e3'],
    ['1E3', '1e3'],
    ['1e2', '100'],
    ['12e-3', '12e-3'],
    ['1E', '1E'],
    ['0.1n', '1n'],
    ['-1', '-1'],
    ['-0.5', '-500m'],
    ['-2Ki', '-2Ki'],
    ['9223372036854775808', '9223372036854775807'],
    ['100E', '9223372036854775807'],
  ])('writes %s as %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
  });

  it.each(['', '.', '+', 'm', '1.2.3', '1 Gi', 'x1', '1\n'])('refuses %j', (text) => {
    expect(() => parseQuantity(text)).toThrow(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  });

  it.each(['1ki', '1Kii', '1mm', '1e', '1i', '1K'])('refuses the suffix of %s', (text) => {
    expect(() => parseQuantity(text)).toThrow("unable to parse quantity's suffix");
    expect(tryParseQuantity(text)).toBeUndefined();
  });
});

describe('quantity arithmetic', () => {
  it('rounds away from zero', () => {
    expect(quantityValue(parseQuantity('1001m'))).toBe(2n);
    expect(quantityValue(parseQuantity('-1001m'))).toBe(-2n);
    expect(quantityMilliValue(parseQuantity('1.5'))).toBe(1500n);
    expect(quantityMilliValue(parseQuantity('1u'))).toBe(1n);
    expect(formatQuantity(roundToMilli(parseQuantity('0.0001')))).toBe('1m');
  });

  it('adds across formats and keeps the first one', () => {
    expect(formatQuantity(addQuantities(parseQuantity('1Gi'), parseQuantity('512Mi')))).toBe('1536Mi');
    expect(formatQuantity(addQuantities(parseQuantity('0'), parseQuantity('512Mi')))).toBe('512Mi');
    expect(formatQuantity(subtractQuantities(parseQuantity('2'), parseQuantity('500m')))).toBe('1500m');
  });

  it('compares amounts, not texts', () => {
    expect(compareQuantities(parseQuantity('1'), parseQuantity('1000m'))).toBe(0);
    expect(compareQuantities(parseQuantity('1G'), parseQuantity('1Gi'))).toBe(-1);
    expect(compareQuantities(parseQuantity('1'), parseQuantity('999m'))).toBe(1);
  });
});

const texts = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.nat(1_000_000),
    fc.option(fc.stringMatching(/^\d{1,12}$/), { nil: undefined }),
    fc.constantFrom('n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'e3', 'e-3', 'E2'),
  )
  .map(([sign, whole, fraction, suffix]) => `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${suffix}`);

describe('quantities of any text', () => {
  it('have a canonical form that stays, and means the same', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const quantity = parseQuantity(text);
        const canonical = formatQuantity(quantity);
        expect(canonicalQuantity(canonical)).toBe(canonical);
        expect(compareQuantities(parseQuantity(canonical), quantity)).toBe(0);
        expect(canonical).not.toContain('.');
      }),
    );
  });

  it('add and subtract back to themselves', () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        const [left, right] = [parseQuantity(a), parseQuantity(b)];
        expect(compareQuantities(subtractQuantities(addQuantities(left, right), right), left)).toBe(0);
        expect(addQuantities(left, right).nanos).toBe(addQuantities(right, left).nanos);
      }),
    );
  });

  it('are a quantity or refused with QuantityError', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const quantity = tryParseQuantity(text);
        expect(quantity === undefined || typeof quantity.nanos === 'bigint').toBe(true);
      }),
    );
  });
});

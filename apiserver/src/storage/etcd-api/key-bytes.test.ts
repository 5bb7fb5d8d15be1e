import fc from 'fast-check';
import { boundFrom, keyFrom, rangeFrom } from './key-bytes.ts';
import { valueFromWire, wireFromValue } from './wire-value.ts';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 6 }),
  fc.array(fc.constantFrom(0x61, 0x7f, 0x80, 0xc3, 0xbc, 0xe2, 0x82, 0xed, 0xa0, 0xf0, 0xf4, 0x8f, 0xff), {
    maxLength: 5,
  }),
);
const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 4 });

describe('bounds of a range', () => {
  it('divide keys as the bytes do', () => {
    fc.assert(
      fc.property(bytes, text, (bound, key) => {
        const edge = boundFrom(Buffer.from(bound));
        const isBehind = Buffer.compare(Buffer.from(key), Buffer.from(bound)) >= 0;
        // Nothing is behind the last bound of all.
        if (edge === '\u{10ffff}') expect(isBehind && key < '\u{10ffff}').toBe(false);
        else expect(Buffer.compare(Buffer.from(key), Buffer.from(edge)) >= 0).toBe(isBehind);
      }),
      { numRuns: 2_000 },
    );
  });

  it('are one key, a range, or everything from a key on', () => {
    expect(rangeFrom(Buffer.from('a'), Buffer.alloc(0))).toEqual({ from: 'a', to: 'a\0' });
    expect(rangeFrom(Buffer.from('a/'), Buffer.from('a0'))).toEqual({ from: 'a/', to: 'a0' });
    expect(rangeFrom(Buffer.of(0), Buffer.of(0))).toEqual({ from: '\0', to: '\u{10ffff}' });
  });
});

describe('a key', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'etcdserver: key is not provided'],
    ['no text', Buffer.of(0xff), 'UTF-8'],
    ['a NUL', Buffer.of(0x61, 0), 'UTF-8'],
    ['too long', Buffer.alloc(2_000, 'a'), '1900 bytes'],
  ])('is refused when it is %s', (_, key, message) => {
    expect(() => keyFrom(key)).toThrow(message);
  });
});

describe('a value', () => {
  it('comes back as it was, whatever it ends with', () => {
    const part = fc.constantFrom('{', '}', '\n', '{"verb":"create"}', 'x', '\xff', '');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const wire = Buffer.from(parts.join(''), 'latin1');
        const { value, cause } = valueFromWire(wire);
        expect(Buffer.from(wireFromValue(value, cause))).toEqual(wire);
      }),
    );
  });

  it('is kept apart from the cause behind it', () => {
    const { value, cause } = valueFromWire(Buffer.from('{"kind":"Pod"}\n{"verb":"create"}'));
    expect([value.toString(), cause]).toEqual(['{"kind":"Pod"}', '{"verb":"create"}']);
  });
});

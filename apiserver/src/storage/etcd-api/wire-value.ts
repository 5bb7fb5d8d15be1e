/**
 * A value as API servers send it ends with a newline and the cause of the write (see `etcd/envelope.ts`). The store
 * keeps the two apart, so that a data directory can be served here today and be used by `slipway up` tomorrow.
 */
const newline = 0x0a;
const brace = { open: 0x7b, close: 0x7d } as const;
const causeBytesMax = 16 * 1024;

export function valueFromWire(bytes: Buffer): { readonly value: Buffer; readonly cause: string } {
  const end = bytes.lastIndexOf(newline);
  const tail = bytes.subarray(end + 1);
  const isCause =
    end >= 0 &&
    tail.length > 0 &&
    tail.length <= causeBytesMax &&
    tail[0] === brace.open &&
    tail[tail.length - 1] === brace.close;
  if (!isCause) return { value: bytes, cause: '' };
  const cause = tail.toString();
  // What is not text would not come back as it was.
  return Buffer.from(cause).equals(tail) ? { value: bytes.subarray(0, end), cause } : { value: bytes, cause: '' };
}

export function wireFromValue(value: Uint8Array, cause: string): Uint8Array {
  return cause === '' ? value : Buffer.concat([value, Buffer.of(newline), Buffer.from(cause)]);
}

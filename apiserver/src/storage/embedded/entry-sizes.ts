/** LMDB's bound on a key, less what its encoding adds. */
export const keyBytesMax = 1_900;

/** Above etcd's and Kubernetes' bounds on a request; what comes from the network is bounded there. */
export const valueBytesMax = 32 * 1024 * 1024;

/** Throws a RangeError for what the tables cannot hold. */
export function checkSizes(key: string, value: Uint8Array): void {
  if (key.length === 0 || Buffer.byteLength(key) > keyBytesMax || key.includes('\0')) {
    throw new RangeError(`a key has 1 to ${keyBytesMax} bytes, none of them 0`);
  }
  if (value.length > valueBytesMax) throw new RangeError(`a value has at most ${valueBytesMax} bytes`);
}

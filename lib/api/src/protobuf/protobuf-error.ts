/** The bytes are no object that this server knows, or an object that has no such bytes. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

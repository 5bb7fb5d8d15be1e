/** A patch that cannot be applied. `malformed`: it is no patch at all. `unprocessable`: it does not fit this object. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
  readonly kind: 'malformed' | 'unprocessable';

  constructor(kind: 'malformed' | 'unprocessable', message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** A patch that cannot be applied. `malformed`: it is no patch at all. `tooLarge`: it asks for too much. `unprocessable`: it does not fit this object. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
  readonly kind: 'malformed' | 'tooLarge' | 'unprocessable';

  constructor(kind: PatchError['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** A pod cannot join a network. The message names where it was asked for, the network, and what to do. */
export class AttachmentError extends Error {
  override readonly name = 'AttachmentError';
}

/** A door of its own: `slipway image` works on the store without anything else of an agent. */
export { createImageStore, type ImageStore } from './image-store.ts';
export type { RegistryOptions } from './registry-client.ts';

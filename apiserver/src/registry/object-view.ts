import type { KubeObject } from '@slipway/api/types';

/** A second version of a stored kind. Both directions are lossless and leave their argument as it is. */
export interface ObjectView {
  toServed(stored: KubeObject): KubeObject;
  toStored(served: KubeObject): KubeObject;
}

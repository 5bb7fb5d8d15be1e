import type { KubeObject } from '@slipway/api/types';
import type { ServedResource } from '../registry/kinds.ts';
import type { ObjectList } from '../registry/list-objects.ts';
import type { WatchBatches } from '../registry/watch-objects.ts';
import type { StoredObject } from '../storage/object-store.ts';

/** What the line answers, before anybody knows in which form the client wants it. */
export type Answer =
  | { readonly kind: 'stored'; readonly code: number; readonly served: ServedResource; readonly stored: StoredObject }
  /** An object that is not stored as such: of a dry run, a Scale, a review, a Status. `served` says of which resource it is one. */
  | {
      readonly kind: 'object';
      readonly code: number;
      readonly object: KubeObject | object;
      readonly served?: ServedResource;
    }
  | { readonly kind: 'list'; readonly served: ServedResource; readonly list: ObjectList }
  | {
      readonly kind: 'watch';
      readonly served: ServedResource;
      readonly batches: AsyncGenerator<WatchBatches, void, void>;
    };

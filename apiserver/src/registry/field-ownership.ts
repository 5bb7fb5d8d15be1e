import type { KubeObject } from '@slipway/api/types';
import type { ResourceContext } from './resource-context.ts';
import type { WriteCall } from './write-call.ts';

interface OwnedWrite {
  readonly draft: KubeObject;
  readonly old: KubeObject | undefined;
  readonly subresource: string | undefined;
}

/** Who owns which field is not tracked yet: a new object has no entries, a stored one keeps its own. */
export function ownFields(_context: ResourceContext, { draft, old }: OwnedWrite, _call: WriteCall): void {
  if (old?.metadata.managedFields) draft.metadata.managedFields = old.metadata.managedFields;
  else delete draft.metadata.managedFields;
}

import { ignoredFields, managedFieldsAfterUpdate } from '@slipway/api/apply/managed-fields';
import type { KubeObject } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import type { ResourceContext } from './resource-context.ts';
import type { WriteCall } from './write-call.ts';

interface OwnedWrite {
  readonly draft: KubeObject;
  readonly old: KubeObject | undefined;
  readonly subresource: string | undefined;
}

/** The status of a new object is the server's own: its creator does not own it. */
export const statusFields = ignoredFields(['status']);

/** Notes in `metadata.managedFields` which fields of the draft this write set. */
export function ownFields(context: ResourceContext, { draft, old, subresource }: OwnedWrite, call: WriteCall): void {
  const entries = managedFieldsAfterUpdate(old, draft, context.schema, {
    manager: call.fieldManager,
    apiVersion: draft.apiVersion,
    time: formatTime(context.clock.nowMs()),
    ...(subresource === undefined ? { ignored: statusFields } : { subresource }),
  });
  if (entries.length > 0) draft.metadata.managedFields = entries;
  else delete draft.metadata.managedFields;
}

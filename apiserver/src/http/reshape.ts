/** Other shapes of the same objects: Table and PartialObjectMetadata. */
import type { KubeObject, ListMeta } from '@slipway/api/types';
import { printerOf } from '../discovery/tables/printers.ts';
import { renderTable } from '../discovery/tables/render-table.ts';
import type { ServedResource } from '../registry/kinds.ts';
import type { AnswerForm } from './negotiation.ts';

type Shape = NonNullable<AnswerForm['as']>;

export interface ReshapeOptions {
  readonly form: AnswerForm;
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  readonly nowMs: number;
}

export function reshape(object: KubeObject, served: ServedResource, as: Shape, options: ReshapeOptions): object {
  return as === 'Table' ? table([object], served, options) : partial(object, options);
}

export function reshapeList(
  objects: readonly KubeObject[],
  listMetadata: ListMeta,
  served: ServedResource,
  as: Shape,
  options: ReshapeOptions,
): object {
  if (as === 'Table') return table(objects, served, options, { listMetadata });
  const items = objects.map((object) => partial(object, options));
  return { kind: 'PartialObjectMetadataList', apiVersion: metaVersion(options), metadata: listMetadata, items };
}

/** The columns are said once, in the first event. A bookmark is a table without rows. */
export function reshapeEvent(
  object: KubeObject,
  served: ServedResource,
  as: Shape,
  options: ReshapeOptions,
  { isFirst, isBookmark }: { readonly isFirst: boolean; readonly isBookmark: boolean },
): object {
  if (as !== 'Table') return partial(object, options);
  const { resourceVersion = '', annotations } = object.metadata;
  const listMetadata = { resourceVersion, ...(annotations && isBookmark ? { annotations } : {}) };
  return table(isBookmark ? [] : [object], served, options, { listMetadata, withColumns: isFirst });
}

function table(
  objects: readonly KubeObject[],
  { api, printer }: ServedResource,
  { includeObject, nowMs, form }: ReshapeOptions,
  more: { readonly listMetadata?: ListMeta; readonly withColumns?: boolean } = {},
): object {
  return renderTable(printer ?? printerOf(api), objects, { includeObject, version: form.metaVersion, ...more }, nowMs);
}

function partial({ metadata }: KubeObject, options: ReshapeOptions): object {
  return { kind: 'PartialObjectMetadata', apiVersion: metaVersion(options), metadata };
}

function metaVersion({ form }: ReshapeOptions): string {
  return `meta.k8s.io/${form.metaVersion}`;
}

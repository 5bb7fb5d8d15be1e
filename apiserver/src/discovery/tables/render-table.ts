import type { KubeObject, ListMeta } from '@slipway/api/types';
import type { Cell, Column, Printer, RowCondition } from './printer.ts';

/** How much of each object goes into its row. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableRow {
  readonly cells: readonly Cell[];
  readonly conditions?: readonly RowCondition[];
  /** The object, a PartialObjectMetadata, or null, as asked. */
  readonly object: object | null;
}

export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: string;
  readonly metadata: ListMeta;
  /** Null in a watch after its first event, where the columns are those of the event before. */
  readonly columnDefinitions: readonly Column[] | null;
  readonly rows: readonly TableRow[];
}

export interface TableOptions {
  /** From the parameter `includeObject`; `Metadata` when it is absent. */
  readonly includeObject?: IncludeObject;
  /** The version of meta.k8s.io that was asked for. */
  readonly version?: 'v1' | 'v1beta1';
  /** Of the list that the objects come from. Of a single object, its resource version is used. */
  readonly listMetadata?: ListMeta;
  /** False for the events of a watch after the first. */
  readonly withColumns?: boolean;
}

/** The Table that stands for a list of objects, for one object, or for the object of a watch event. */
export function renderTable(
  printer: Printer,
  objects: readonly KubeObject[],
  options: TableOptions,
  nowMs: number,
): Table {
  const { includeObject = 'Metadata', version = 'v1', withColumns = true } = options;
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: options.listMetadata ?? { resourceVersion: objects[0]?.metadata.resourceVersion ?? '' },
    columnDefinitions: withColumns ? printer.columns : null,
    rows: objects.map((object) => {
      const conditions = printer.conditions?.(object) ?? [];
      return {
        cells: printer.cells(object, nowMs),
        ...(conditions.length > 0 ? { conditions } : {}),
        object: rowObject(object, includeObject, version),
      };
    }),
  };
}

function rowObject(object: KubeObject, include: IncludeObject, version: string): object | null {
  switch (include) {
    case 'None':
      return null;
    case 'Metadata':
      return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
    case 'Object':
      return object;
  }
}

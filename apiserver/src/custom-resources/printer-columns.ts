/** The table of a custom resource: its name, the definition's columns, and the age where there are none. */
import type { KubeObject } from '@slipway/api/types';
import type { Cell, Column, Printer } from '../discovery/tables/printer.ts';
import { humanDuration } from '../discovery/tables/human-duration.ts';
import type { PrinterColumn } from './definition/definition.ts';
import { parseJsonPath, type JsonPath } from './json-path.ts';

const ageColumn: PrinterColumn = {
  name: 'Age',
  type: 'date',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations.',
  jsonPath: '.metadata.creationTimestamp',
};

export function customPrinter(columns: readonly PrinterColumn[] | undefined): Printer {
  const shown = columns && columns.length > 0 ? columns : [ageColumn];
  const readers = shown.map((column) => ({ column, read: parseJsonPath(column.jsonPath) }));
  return {
    columns: [nameColumn, ...shown.map(columnOf)],
    cells: (object, nowMs) => [
      object.metadata.name ?? '',
      ...readers.map(({ column, read }) => cellOf(column, read, object, nowMs)),
    ],
  };
}

const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
};

function columnOf({ name, type, format = '', description, priority = 0, jsonPath }: PrinterColumn): Column {
  return {
    name,
    type: type as Column['type'],
    format,
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority,
  };
}

/** A value of another type than the column's is not shown. */
function cellOf({ type }: PrinterColumn, read: JsonPath | undefined, object: KubeObject, nowMs: number): Cell {
  const values = read?.(object) ?? [];
  const [value] = values;
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date': {
      if (typeof value !== 'string') return null;
      const atMs = Date.parse(value);
      return Number.isNaN(atMs) ? '<invalid>' : humanDuration(nowMs - atMs);
    }
    default:
      return values.length > 1 ? values.map(text).join(',') : text(value);
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

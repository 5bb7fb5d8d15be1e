import type { KubeObject } from '@slipway/api/types';

export type Cell = string | number | boolean | null;

/** A column as it travels in a Table. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date' | 'number';
  /** `name` marks the column that clients prefix with the kind; otherwise empty. */
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, 1 only in wide output. */
  readonly priority: number;
}

/** How objects of one kind become rows. */
export interface Printer {
  readonly columns: readonly Column[];
  /** One cell per column, wide ones included. Pure. */
  cells(object: KubeObject, nowMs: number): Cell[];
  /** Says that a row is done with, so that clients may hide or grey it. */
  conditions?(object: KubeObject): readonly RowCondition[];
}

export interface RowCondition {
  readonly type: 'Completed';
  readonly status: 'True';
  readonly reason: string;
  readonly message: string;
}

/** The table of printers is keyed by kind, so that each printer may rely on the type of its objects. */
export function definePrinter<T extends KubeObject>(
  columns: readonly (string | Column)[],
  cells: (object: T, nowMs: number) => Cell[],
  conditions?: (object: T) => readonly RowCondition[],
): Printer {
  return {
    columns: columns.map((column) => (typeof column === 'string' ? text(column) : column)),
    cells: (object, nowMs) => cells(object as T, nowMs),
    ...(conditions ? { conditions: (object: KubeObject) => conditions(object as T) } : {}),
  };
}

function text(name: string): Column {
  return { name, type: 'string', format: name === 'Name' ? 'name' : '', description: '', priority: 0 };
}

export function integer(name: string): Column {
  return { ...text(name), type: 'integer' };
}

export function boolean(name: string): Column {
  return { ...text(name), type: 'boolean' };
}

export function date(name: string): Column {
  return { ...text(name), type: 'date' };
}

/** Shown in wide output only. */
export function wide(name: string): Column {
  return { ...text(name), priority: 1 };
}

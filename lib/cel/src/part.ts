import type { CelType } from './cel-type.ts';
import type { CostMeter } from './cost-meter.ts';

/** One evaluation: the variables by their slots, and what it may still cost. */
export interface Frame {
  readonly slots: unknown[];
  readonly meter: CostMeter;
}

export type Run = (frame: Frame) => unknown;

/** A part of an expression, checked and ready to run. */
export interface Part {
  readonly type: CelType;
  readonly run: Run;
  /** The most that one evaluation can cost. */
  readonly cost: number;
  /** The most characters, bytes or elements that the value can have. */
  readonly size: number;
  /** The value is the same at each evaluation, and evaluating neither fails nor costs anything. */
  readonly isConstant?: boolean;
}

/** The largest value of a type: its bound, or without end. */
export function largestSize(type: CelType): number {
  switch (type.kind) {
    case 'string':
    case 'bytes':
    case 'list':
    case 'map':
      return type.max ?? Number.POSITIVE_INFINITY;
    case 'optional':
      return largestSize(type.of);
    case 'dyn':
    case 'parameter':
      return Number.POSITIVE_INFINITY;
    case 'object':
      return type.fields.size;
    default:
      return 1;
  }
}

/** Infinity times zero is zero here: what never runs costs nothing. */
export function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : a * b;
}

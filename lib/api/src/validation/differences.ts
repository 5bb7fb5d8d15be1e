import { semanticEqual } from './semantic-equal.ts';

/** The paths that differ, one to a line. */
export function differences(now: unknown, before: unknown, path = 'spec'): string[] {
  if (semanticEqual(now, before)) return [];
  if (!isFields(now) || !isFields(before)) {
    return [`  ${path}: ${JSON.stringify(before) ?? 'null'} -> ${JSON.stringify(now) ?? 'null'}`];
  }
  const fields = new Set([...Object.keys(before), ...Object.keys(now)]);
  const step = (field: string) => (Array.isArray(now) ? `${path}[${field}]` : `${path}.${field}`);
  return [...fields].flatMap((field) => differences(now[field], before[field], step(field)));
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/**
 * Freezes a value from JSON to the bottom and returns it. What is frozen already is taken as frozen to the bottom,
 * which holds for everything that an in-process API server hands out, so sharing costs one check.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

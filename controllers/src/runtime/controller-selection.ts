import { nearestName } from '@slipway/kit/nearest-name';

/** A name in `--controllers` that no controller has. */
export class UnknownControllerError extends Error {
  override readonly name = 'UnknownControllerError';
}

/**
 * Which names a list as of `--controllers` switches on. `*` is all, `NAME` adds, `-NAME` takes away and wins; a list
 * that only takes away takes away from all. Throws UnknownControllerError.
 */
export function selectControllers(names: readonly string[], selection: readonly string[]): ReadonlySet<string> {
  const asked = selection.map((entry) => entry.trim()).filter((entry) => entry !== '');
  for (const entry of asked) {
    const name = entry.replace(/^-/, '');
    if (name !== '*' && !names.includes(name)) {
      throw new UnknownControllerError(
        `unknown controller "${name}", did you mean ${nearestName(name, names)}? There are ${names.join(', ')}`,
      );
    }
  }
  const added = asked.filter((entry) => !entry.startsWith('-'));
  const removed = new Set(asked.filter((entry) => entry.startsWith('-')).map((entry) => entry.slice(1)));
  const all = added.length === 0 || added.includes('*');
  return new Set(names.filter((name) => (all || added.includes(name)) && !removed.has(name)));
}

import type { Checker } from './checker.ts';

/** Every change has a revision of its own, greater than all before, and what it changes is what was there. */
export function revisions(): Checker {
  let newest = 0;
  return {
    name: 'revisions',
    changed: (change) => {
      const { revision, key, type, before } = change;
      const wrong = revision <= newest ? `revision ${revision} of ${key} comes after ${newest}` : undefined;
      newest = revision;
      if (wrong) return wrong;
      if (type === 'delete' && !before) return `${key} was deleted at ${revision} and was not there`;
      return undefined;
    },
  };
}

import { baselineChecks } from './baseline-checks.ts';
import type { Check, CheckPod, PodToCheck, Violation } from './check.ts';
import type { LevelVersion } from './policy.ts';
import { restrictedChecks } from './restricted-checks.ts';

/** The newest version in which a rule changed; whatever is newer means the same. */
const newestMinor = Math.max(
  ...[...baselineChecks, ...restrictedChecks].flatMap((check) => check.versions.map((v) => v.since)),
);

const chosen = new Map<string, readonly CheckPod[]>();

/** What the pod does that the level forbids; nothing when it is allowed. Pure. */
export function violationsOf(pod: PodToCheck, { level, minor = newestMinor }: LevelVersion): readonly Violation[] {
  if (level === 'privileged') return [];
  return checksOf(level, Math.min(minor, newestMinor)).flatMap((check) => check(pod) ?? []);
}

/** `reason (detail), reason (detail)`. */
export function violationsText(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
}

function checksOf(level: 'baseline' | 'restricted', minor: number): readonly CheckPod[] {
  const key = `${level}:${minor}`;
  const known = chosen.get(key);
  if (known) return known;
  const stricter = level === 'restricted' ? restrictedChecks.filter((check) => isIn(check, minor)) : [];
  const replaced = new Set(stricter.map(({ replaces }) => replaces));
  const checks = [...baselineChecks.filter((check) => isIn(check, minor) && !replaced.has(check.id)), ...stricter];
  const found = checks.flatMap(({ versions }) => versions.findLast(({ since }) => since <= minor)?.check ?? []);
  chosen.set(key, found);
  return found;
}

function isIn({ versions }: Check, minor: number): boolean {
  return versions.some(({ since }) => since <= minor);
}

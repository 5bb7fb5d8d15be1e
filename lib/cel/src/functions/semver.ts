/** Versions by semver.org: `semver("1.2.3").isLessThan(semver("1.3.0"))`. The second argument allows `v1.2`. */
import { compareVersions, parseLooseVersion, parseVersion, SemanticVersionError } from '../semantic-version.ts';
import { CelError, CelSemver } from '../values.ts';
import { overload, perCharacter, type Cost, type Overload } from './overload.ts';

const walk: Cost = { of: ([size = 0]) => size * perCharacter, work: 40 };

function versionFrom(text: string, isLoose = false): CelSemver {
  try {
    return new CelSemver(isLoose ? parseLooseVersion(text) : parseVersion(text));
  } catch (error) {
    if (error instanceof SemanticVersionError) throw new CelError(error.message);
    throw error;
  }
}

function isVersion(text: string, isLoose = false): boolean {
  try {
    versionFrom(text, isLoose);
    return true;
  } catch (error) {
    if (error instanceof CelError) return false;
    throw error;
  }
}

type Pair = [CelSemver, CelSemver];
const order = ([a, b]: Pair) => compareVersions(a.version, b.version);

export const semverOverloads: readonly Overload[] = [
  overload<[string]>('semver(string): Semver', ([text]) => versionFrom(text), walk),
  overload<[string, boolean]>('semver(string, bool): Semver', ([text, isLoose]) => versionFrom(text, isLoose), walk),
  overload<[string]>('isSemver(string): bool', ([text]) => isVersion(text), walk),
  overload<[string, boolean]>('isSemver(string, bool): bool', ([text, isLoose]) => isVersion(text, isLoose), walk),
  overload<Pair>('Semver.isLessThan(Semver): bool', (pair) => order(pair) < 0),
  overload<Pair>('Semver.isGreaterThan(Semver): bool', (pair) => order(pair) > 0),
  overload<Pair>('Semver.compareTo(Semver): int', (pair) => BigInt(order(pair))),
  overload<[CelSemver]>('Semver.major(): int', ([{ version }]) => version.major),
  overload<[CelSemver]>('Semver.minor(): int', ([{ version }]) => version.minor),
  overload<[CelSemver]>('Semver.patch(): int', ([{ version }]) => version.patch),
];

/** Versions by semver.org 2.0: what they are and which is later. */

export interface SemanticVersion {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  /** Numbers are bigints, anything else is text. */
  readonly prerelease: readonly (bigint | string)[];
}

/** The text is no version; the messages are those that Kubernetes gives. */
export class SemanticVersionError extends Error {
  override readonly name = 'SemanticVersionError';
}

const allowed = /^[0-9A-Za-z-]+$/;

/** Throws SemanticVersionError. */
export function parseVersion(text: string): SemanticVersion {
  if (text === '') throw new SemanticVersionError('Version string empty');
  const [major, minor, rest] = splitFirst(text);
  if (major === undefined || minor === undefined || rest === undefined) {
    throw new SemanticVersionError('No Major.Minor.Patch elements found');
  }
  const plus = rest.indexOf('+');
  const beforeBuild = plus === -1 ? rest : rest.slice(0, plus);
  const dash = beforeBuild.indexOf('-');
  const patch = dash === -1 ? beforeBuild : beforeBuild.slice(0, dash);
  const version: SemanticVersion = {
    major: numberFrom(major, 'major'),
    minor: numberFrom(minor, 'minor'),
    patch: numberFrom(patch, 'patch'),
    prerelease:
      dash === -1
        ? []
        : beforeBuild
            .slice(dash + 1)
            .split('.')
            .map(prereleasePart),
  };
  if (plus !== -1)
    rest
      .slice(plus + 1)
      .split('.')
      .forEach(checkBuildPart);
  return version;
}

/** Takes `v1.2`, `01.2.3`: what leads is dropped, what lacks is zero. Throws SemanticVersionError. */
export function parseLooseVersion(text: string): SemanticVersion {
  const parts = splitFirst(text.trim().replace(/^v/, ''))
    .filter((part) => part !== undefined)
    .map((part) => part.replace(/^0+(?=\d)/, ''));
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? '')) {
    throw new SemanticVersionError('Short version cannot contain PreRelease/Build meta data');
  }
  return parseVersion([...parts, '0', '0'].slice(0, 3).join('.'));
}

/** At the first two dots. */
function splitFirst(text: string): [string | undefined, string | undefined, string | undefined] {
  const [major, minor, ...rest] = text.split('.');
  return [major, minor, rest.length === 0 ? undefined : rest.join('.')];
}

function numberFrom(text: string, part: string): bigint {
  if (!/^\d+$/.test(text)) {
    throw new SemanticVersionError(`Invalid character(s) found in ${part} number ${JSON.stringify(text)}`);
  }
  if (text.length > 1 && text.startsWith('0')) {
    const name = `${part.charAt(0).toUpperCase()}${part.slice(1)}`;
    throw new SemanticVersionError(`${name} number must not contain leading zeroes ${JSON.stringify(text)}`);
  }
  if (text.length > 20 || BigInt(text) >= 2n ** 64n) {
    throw new SemanticVersionError(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return BigInt(text);
}

function prereleasePart(text: string): bigint | string {
  if (text === '') throw new SemanticVersionError('Prerelease is empty');
  if (/^\d+$/.test(text)) {
    if (text.length > 1 && text.startsWith('0')) {
      throw new SemanticVersionError(
        `Numeric PreRelease version must not contain leading zeroes ${JSON.stringify(text)}`,
      );
    }
    return numberFrom(text, 'prerelease');
  }
  if (!allowed.test(text)) {
    throw new SemanticVersionError(`Invalid character(s) found in prerelease ${JSON.stringify(text)}`);
  }
  return text;
}

function checkBuildPart(text: string): void {
  if (text === '') throw new SemanticVersionError('Build meta data is empty');
  if (!allowed.test(text)) {
    throw new SemanticVersionError(`Invalid character(s) found in build meta data ${JSON.stringify(text)}`);
  }
}

/** Below, at or above zero. A pre-release is earlier than what it precedes; numbers are earlier than texts. */
export function compareVersions(a: SemanticVersion, b: SemanticVersion): -1 | 0 | 1 {
  const order = compare(a.major, b.major) || compare(a.minor, b.minor) || compare(a.patch, b.patch);
  if (order !== 0) return order;
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return compare(b.prerelease.length, a.prerelease.length) && (a.prerelease.length === 0 ? 1 : -1);
  }
  for (const [i, part] of a.prerelease.entries()) {
    const other = b.prerelease[i];
    if (other === undefined) return 1;
    const own = compareParts(part, other);
    if (own !== 0) return own;
  }
  return a.prerelease.length === b.prerelease.length ? 0 : -1;
}

function compareParts(a: bigint | string, b: bigint | string): -1 | 0 | 1 {
  if (typeof a !== typeof b) return typeof a === 'bigint' ? -1 : 1;
  return compare(a, b);
}

function compare<T extends bigint | string | number>(a: T, b: T): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0;
}

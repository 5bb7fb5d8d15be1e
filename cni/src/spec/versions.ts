import { CniError } from './cni-error.ts';

/** Oldest first. 0.3.0 is 0.3.1 without a wording mistake, and is not offered by anybody any more. */
export const supportedVersions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof supportedVersions)[number];
export const newestVersion: CniVersion = '1.1.0';

export function isSupportedVersion(version: unknown): version is CniVersion {
  return supportedVersions.some((each) => each === version);
}

/** Throws `CniError` with the code for an incompatible version. */
export function requireVersion(version: unknown): CniVersion {
  if (isSupportedVersion(version)) return version;
  const said = version === undefined || version === '' ? 'none' : JSON.stringify(version);
  throw new CniError('incompatibleVersion', `incompatible CNI versions: config is ${said}`, {
    details: `supported are ${supportedVersions.join(', ')}`,
  });
}

export function isAtLeast(version: CniVersion, least: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(least);
}

export const cniCommands = ['ADD', 'DEL', 'CHECK', 'STATUS', 'GC', 'VERSION'] as const;
export type CniCommand = (typeof cniCommands)[number];

/** CHECK came with 0.4.0, STATUS and GC with 1.1.0. */
export function commandExists(command: CniCommand, version: CniVersion): boolean {
  if (command === 'CHECK') return isAtLeast(version, '0.4.0');
  if (command === 'STATUS' || command === 'GC') return isAtLeast(version, '1.1.0');
  return true;
}

/** The newest version that a list of a configuration and we both know; `cniVersion` when there is no list (CNI 1.1). */
export function negotiateVersion(cniVersion: unknown, cniVersions: readonly unknown[] | undefined): CniVersion {
  const offered = [...(cniVersions ?? []), cniVersion].filter(isSupportedVersion);
  const best = supportedVersions.findLast((version) => offered.includes(version));
  return best ?? requireVersion(cniVersion);
}

import type { ApiResource } from '@slipway/api/resources';

/** A resource as discovery presents it: of a built-in kind, what its registry entry has as `api`. */
export interface AdvertisedResource extends ApiResource {
  /** OpenAPI v3 schema of a custom resource; built-in kinds have theirs in the generated document. */
  readonly openApiSchema?: object;
}

/**
 * Versions as clients prefer them: stable before beta before alpha, and the higher number first. Names of another form come last,
 * by the alphabet.
 */
export function compareVersions(a: string, b: string): number {
  const [rankA, rankB] = [versionRank(a), versionRank(b)];
  for (const [index, part] of rankA.entries()) if (part !== rankB[index]) return (rankB[index] ?? 0) - part;
  return a < b ? -1 : a > b ? 1 : 0;
}

const stabilities: Record<string, number> = { alpha: 1, beta: 2 };

/** Stability, major, minor; all zero for a name of another form. */
function versionRank(version: string): [number, number, number] {
  const parts = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version);
  if (!parts) return [0, 0, 0];
  return [stabilities[parts[2] ?? ''] ?? 3, Number(parts[1]), Number(parts[3] ?? 0)];
}

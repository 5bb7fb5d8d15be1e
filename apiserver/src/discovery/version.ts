const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** `/version`. The numbers are those of the API that is served; the build is ours. `architecture` is Node's name of it. */
export function serverVersion(architecture: string): Readonly<Record<string, string>> {
  return {
    major: '1',
    minor: '36',
    emulationMajor: '1',
    emulationMinor: '36',
    minCompatibilityMajor: '1',
    minCompatibilityMinor: '35',
    gitVersion: 'v1.36.0+slipway',
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: 'node',
    platform: `linux/${goArchitectures[architecture] ?? architecture}`,
  };
}

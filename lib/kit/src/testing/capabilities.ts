import { appendFileSync, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of a program on the PATH (or in the system's sbin folders), if it is installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * `describe` where the machine can run it; elsewhere a skipped block whose name, and a line in the summary of
 * `npm test`, say which capability is missing. `missing` is the first capability that is not there.
 */
export function describeWith(missing: string | undefined, name: string, tests: () => void): void {
  if (missing === undefined) {
    describe(name, tests);
    return;
  }
  const summary = process.env.SLIPWAY_SKIPPED_FILE;
  if (summary) appendFileSync(summary, `${name}: needs ${missing}\n`);
  // A block needs a test; this one says why the others did not run.
  const skipped = it.skip;
  describe(`${name} (skipped: needs ${missing})`, () => skipped(`needs ${missing}`, () => {}));
}

/** The first of the programs that is not installed, or `root` when that is asked for and missing. */
export function missingCapability(needs: {
  readonly root?: boolean;
  readonly programs?: readonly string[];
}): string | undefined {
  if (needs.root && !isRoot()) return 'root';
  return needs.programs?.find((program) => findProgram(program) === undefined);
}

import { RuntimeError } from '../cri.ts';
import type { Programs } from './local-deps.ts';
import { chooseOciRuntime, findProgram, type OciRuntimeChoice } from './oci-runtime.ts';

/** Finds the programs once; a failure is not kept, so that installing what is missing is enough. */
export function createPrograms(choice: OciRuntimeChoice): (signal: AbortSignal) => Promise<Programs> {
  let found: Promise<Programs> | undefined;
  return async (signal) => {
    found ??= find(choice, signal);
    try {
      return await found;
    } catch (error) {
      found = undefined;
      throw error;
    }
  };
}

async function find(choice: OciRuntimeChoice, signal: AbortSignal): Promise<Programs> {
  const runtime = await chooseOciRuntime(choice, signal);
  const path = await findProgram('conmon', choice.searchPath);
  if (!path) throw new RuntimeError('unavailable', 'conmon is not installed (Debian: apt-get install conmon)');
  const help = await choice.exec(path, ['--help'], { signal });
  return { runtime, conmon: { path, options: new Set(help.stdout.toString().match(/--[a-z-]+/g)) } };
}

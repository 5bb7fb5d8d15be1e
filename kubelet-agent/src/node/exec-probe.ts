import type { ProbeExec } from '../probes/run-probe.ts';
import { isRuntimeError, type RuntimeService } from '../runtime/cri.ts';

/** Upstream keeps no more of what a probe prints. */
const outputBytesMax = 10 * 1024;

/** Runs a probe's command by the runtime. */
export function execProbe(runtime: Pick<RuntimeService, 'execSync'>): ProbeExec {
  return async (containerId, cmd, timeoutMs, signal) => {
    try {
      const { stdout, stderr, exitCode } = await runtime.execSync({ containerId, cmd, timeoutMs }, signal);
      const output = Buffer.concat([stdout, stderr]).subarray(0, outputBytesMax).toString();
      return { exitCode, output, timedOut: false };
    } catch (error) {
      if (!isRuntimeError(error, 'deadlineExceeded')) throw error;
      return { exitCode: -1, output: '', timedOut: true };
    }
  };
}

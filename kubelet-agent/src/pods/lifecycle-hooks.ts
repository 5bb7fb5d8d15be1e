import type { Container, LifecycleHandler } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import { httpProbe } from '../probes/http-probe.ts';
import { resolvePort } from '../probes/run-probe.ts';
import type { RuntimeService } from '../runtime/cri.ts';

export interface HookTarget {
  readonly containerId: string;
  readonly container: Container;
  readonly podIp: string;
}

/** Runs postStart or preStop. Throws when it fails; ends with the signal. */
export async function runHook(
  handler: LifecycleHandler,
  target: HookTarget,
  deps: { readonly runtime: Pick<RuntimeService, 'execSync'>; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  if (handler.exec) {
    const cmd = handler.exec.command ?? [];
    const { exitCode, stdout, stderr } = await deps.runtime.execSync(
      { containerId: target.containerId, cmd, timeoutMs: 0 },
      signal,
    );
    if (exitCode === 0) return;
    const output = Buffer.concat([stdout, stderr]).toString().slice(0, 1024);
    throw new Error(
      `Exec lifecycle hook (${cmd.join(' ')}) for Container "${target.container.name}" exited with ${exitCode}: ${output}`,
    );
  }
  if (handler.httpGet) {
    const port = resolvePort(handler.httpGet.port, target.container);
    const { result, output } = await httpProbe({ action: handler.httpGet, port, podIp: target.podIp }, signal);
    signal.throwIfAborted();
    // Any answer is one: upstream looks at the connection only.
    if (result === 'success' || output.startsWith('HTTP probe failed')) return;
    throw new Error(`HTTP lifecycle hook for Container "${target.container.name}" failed: ${output}`);
  }
  if (handler.sleep) return deps.clock.sleep(handler.sleep.seconds * 1000, signal);
  throw new Error(`invalid handler: ${Object.keys(handler).join(', ') || 'empty'}`);
}

/**
 * A container that asks for an init process gets a PID namespace whose PID 1 is the pause process: what orphans leave behind vanishes, and the
 * container's own program, not being PID 1, gets signals as any process does. No program has to be in the image or on the node for it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { LocalDeps } from './local-deps.ts';
import { pauseOfContainer, startPause, stopPause } from './pause-process.ts';
import type { ContainerRecord } from './records.ts';
import { joinPidNamespace } from './spec/oci-spec.ts';

/** Only where the PID namespace would be the container's own: elsewhere somebody else is PID 1 already. */
function wantsReaper({ config: { linux } }: ContainerRecord): boolean {
  return linux.beyondCri?.init === true && linux.securityContext.namespaceOptions.pid === 'CONTAINER';
}

/** Before the container's process is made: its specification then joins the namespace. */
export async function startReaper(deps: LocalDeps, record: ContainerRecord, signal: AbortSignal): Promise<void> {
  if (!wantsReaper(record)) return;
  const pid = await startPause(deps, pauseOfContainer(deps, record), signal);
  const { spec } = deps.paths.container(record.id);
  writeFileSync(spec, joinPidNamespace(readFileSync(spec, 'utf8'), `/proc/${pid}/ns/pid`), { mode: 0o600 });
}

/** Once the container's own program has ended; whatever it left running ends too. Idempotent. */
export async function stopReaper(deps: LocalDeps, record: ContainerRecord, signal: AbortSignal): Promise<void> {
  if (wantsReaper(record)) await stopPause(deps, pauseOfContainer(deps, record), signal);
}

import { watch } from 'node:fs';
import { messageOf } from '@slipway/kit/errors';
import type { ContainerStore } from './container-store.ts';
import type { LocalDeps } from './local-deps.ts';

/** How late an exit may be seen that no file tells of, because conmon was killed too. */
const sweepMs = 10_000;

/** Notices that containers end: by the files that conmon writes, and by looking at all from time to time. */
export async function watchExits(deps: LocalDeps, store: ContainerStore, signal: AbortSignal): Promise<void> {
  const settle = (id: string) => {
    const entry = store.find(id);
    if (!entry) return;
    store.settle(entry).catch((error: unknown) => {
      deps.log.error({ container: id, err: messageOf(error) }, 'cannot put the exit of a container on record');
    });
  };
  const watcher = watch(deps.paths.exits, { persistent: false, signal }, (_, name) => {
    if (name) settle(name);
  });
  watcher.on('error', (error) => deps.log.warn({ err: messageOf(error) }, 'exits are only found by sweeping'));
  while (!signal.aborted) {
    for (const entry of store.running()) settle(entry.record.id);
    await deps.clock.sleep(sweepMs, signal).catch(() => {});
  }
}

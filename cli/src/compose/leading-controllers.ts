import { runAsLeader } from '@slipway/client/leader-election';
import { messageOf } from '@slipway/kit/errors';
import type { Transport } from '@slipway/api/transport';
import type { ControllerManager } from '@slipway/controllers';
import type { Part, ProcessDeps } from './control-plane.ts';

/** The lease of controllers and scheduler, whichever role runs them. */
export const controllersLease = { namespace: 'kube-system', name: 'kube-controller-manager' } as const;

/** Before campaigning again after the lead was lost. */
const pauseMs = 1_000;

/**
 * Controllers of a process that has other work too: without the lead it stays and waits, and who lost the lead campaigns again, with new
 * controllers. Ready when they run, or when somebody else's do.
 */
export function leadingControllers(
  options: {
    readonly transport: Transport;
    /** Asked for when it is known that the process will campaign, and before it does. */
    readonly identity: () => Promise<string>;
    readonly create: () => ControllerManager;
  },
  { clock, random, log }: ProcessDeps,
): Part {
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  const lead = async (signal: AbortSignal) => {
    const manager = options.create();
    void manager.ready.then(ready.resolve, () => {});
    await manager.run(signal);
  };
  const run = async (signal: AbortSignal) => {
    const { transport } = options;
    const election = { transport, clock, random, log, ...controllersLease, identity: await options.identity() };
    while (!signal.aborted) {
      try {
        await runAsLeader({ ...election, waiting: () => ready.resolve() }, lead, signal);
      } catch (error) {
        if (signal.aborted) return;
        log.error({ reason: messageOf(error) }, 'controllers ended, campaigning again');
        await clock.sleep(pauseMs, signal).catch(() => {});
      }
    }
  };
  return { name: 'controllers', ready: ready.promise, run };
}

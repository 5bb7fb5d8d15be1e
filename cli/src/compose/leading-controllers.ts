import { fencedTransport } from '@slipway/client/fenced-transport';
import { type LeaseTimes, runAsLeader, type SurelyLeads } from '@slipway/client/leader-election';
import { messageOf } from '@slipway/kit/errors';
import type { Transport } from '@slipway/api/transport';
import { type ControllerManager, SharedCaches } from '@slipway/controllers';
import type { Part, ProcessDeps } from './control-plane.ts';

/** Before campaigning again after the lead was lost. */
const pauseMs = 200;
/** What the one before has written arrives at our caches in this time. */
const settleMs = 200;

export interface LeadingControllersOptions {
  readonly transport: Transport;
  /** Asked for when it is known that the process will campaign, and before it does. */
  readonly identity: () => Promise<string>;
  readonly times: LeaseTimes;
  /** Of controllers and scheduler, whichever role runs them. */
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Makes the controllers anew for each campaign, over caches that last. What they write has to go through `fenced`. */
  readonly create: (fenced: (transport: Transport) => Transport, caches: SharedCaches) => ControllerManager;
  /** Called each time these controllers begin to lead. */
  readonly leading?: () => void;
  /** Called each time another process is found to lead. */
  readonly waiting?: () => void;
}

/**
 * Controllers of which one process at a time leads. Who waits fills its caches, so that it acts as soon as it leads; who lost the lead
 * campaigns again, with new controllers over the caches that it has. Ready when they run, or when somebody else's do.
 */
export function leadingControllers(options: LeadingControllersOptions, deps: ProcessDeps): Part {
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  const run = async (signal: AbortSignal) => {
    const identity = await options.identity();
    const caches = new SharedCaches({ ...deps, transport: options.transport });
    let following: Promise<void> | undefined;
    while (!signal.aborted) {
      try {
        let surelyLeads: SurelyLeads = () => false;
        const manager = options.create((transport) => fencedTransport(transport, () => surelyLeads()), caches);
        following ??= caches.run(signal);
        const setFence = (fence: SurelyLeads) => {
          surelyLeads = fence;
        };
        await campaign({ ...options, identity, manager, setFence, isKnown: ready.resolve }, deps, signal);
      } catch (error) {
        if (signal.aborted) break;
        deps.log.error({ reason: messageOf(error) }, 'controllers ended, campaigning again');
        await deps.clock.sleep(pauseMs, signal).catch(() => {});
      }
    }
    await following;
  };
  return { name: 'controllers', ready: ready.promise, run };
}

interface Campaign extends Omit<LeadingControllersOptions, 'identity' | 'create'> {
  readonly identity: string;
  readonly manager: ControllerManager;
  readonly setFence: (fence: SurelyLeads) => void;
  readonly isKnown: () => void;
}

/** Rejects when the lead was lost or a controller broke; resolves when the signal aborted and all has ended. */
async function campaign(
  { transport, times, lease, identity, manager, setFence, isKnown, leading, waiting }: Campaign,
  deps: ProcessDeps,
  signal: AbortSignal,
): Promise<void> {
  let hasWaited = false;
  const wait = () => {
    hasWaited = true;
    isKnown();
    waiting?.();
  };
  const lead = async (stop: AbortSignal, surelyLeads: SurelyLeads) => {
    if (hasWaited) await deps.clock.sleep(settleMs, stop).catch(() => {});
    if (stop.aborted) return;
    setFence(surelyLeads);
    const isStopping = () => stop.aborted;
    void manager.ready.then(() => {
      if (isStopping()) return;
      isKnown();
      leading?.();
    });
    await manager.run(stop);
  };
  await runAsLeader({ ...deps, ...lease, transport, times, identity, waiting: wait }, lead, signal);
}

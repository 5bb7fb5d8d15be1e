import { fencedTransport } from '@slipway/client/fenced-transport';
import { type LeaseTimes, runAsLeader, type SurelyLeads } from '@slipway/client/leader-election';
import { childSignal } from '@slipway/kit/abort';
import { messageOf } from '@slipway/kit/errors';
import type { Transport } from '@slipway/api/transport';
import type { ControllerManager } from '@slipway/controllers';
import type { Part, ProcessDeps } from './control-plane.ts';

/** The lease of controllers and scheduler, whichever role runs them. */
export const controllersLease = { namespace: 'kube-system', name: 'kube-controller-manager' } as const;

/** Before campaigning again after the lead was lost. */
const pauseMs = 200;
/** What the one before has written arrives at our caches in this time. */
const settleMs = 200;

export interface LeadingControllersOptions {
  readonly transport: Transport;
  /** Asked for when it is known that the process will campaign, and before it does. */
  readonly identity: () => Promise<string>;
  readonly times: LeaseTimes;
  /** Makes the controllers anew for each campaign. What they write has to go through `fenced`. */
  readonly create: (fenced: (transport: Transport) => Transport) => ControllerManager;
  /** Called each time these controllers begin to lead. */
  readonly leading?: () => void;
}

/**
 * Controllers of which one process at a time leads. Who waits fills its caches, so that it acts as soon as it leads; who lost the lead
 * campaigns again, with new controllers. Ready when they run, or when somebody else's do.
 */
export function leadingControllers(options: LeadingControllersOptions, deps: ProcessDeps): Part {
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  const run = async (signal: AbortSignal) => {
    const identity = await options.identity();
    while (!signal.aborted) {
      try {
        await campaign({ ...options, identity, isKnown: ready.resolve }, deps, signal);
      } catch (error) {
        if (signal.aborted) return;
        deps.log.error({ reason: messageOf(error) }, 'controllers ended, campaigning again');
        await deps.clock.sleep(pauseMs, signal).catch(() => {});
      }
    }
  };
  return { name: 'controllers', ready: ready.promise, run };
}

interface Campaign extends Omit<LeadingControllersOptions, 'identity'> {
  readonly identity: string;
  readonly isKnown: () => void;
}

/** Rejects when the lead was lost or a controller broke; resolves when the signal aborted and all has ended. */
async function campaign({ create, leading, isKnown, ...election }: Campaign, deps: ProcessDeps, signal: AbortSignal) {
  let surelyLeads: SurelyLeads = () => false;
  const manager = create((transport) => fencedTransport(transport, () => surelyLeads()));
  const own = childSignal(signal);
  const start = Promise.withResolvers<void>();
  const managing = manager.run(own.signal, start.promise);
  managing.catch((error: unknown) => own.abort(error));
  let hasWaited = false;
  const waiting = () => {
    hasWaited = true;
    isKnown();
  };
  const lead = async (stop: AbortSignal, fence: SurelyLeads) => {
    stop.addEventListener('abort', () => own.abort(stop.reason), { once: true });
    if (hasWaited) await deps.clock.sleep(settleMs, stop).catch(() => {});
    surelyLeads = fence;
    start.resolve();
    void manager.ready.then(() => {
      isKnown();
      leading?.();
    });
    await managing;
  };
  try {
    await runAsLeader({ ...election, ...deps, ...controllersLease, waiting }, lead, own.signal);
  } finally {
    own.abort();
    await managing.catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

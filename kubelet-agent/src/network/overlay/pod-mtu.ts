import { defaultNetworkName, type Network } from '@slipway/api/networks/network-types';
import type { CacheReader } from '@slipway/client/cache';
import { findUplink, type Host, overlayMtu } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import { backendOf, mtuOption, type OverlaySettings } from './overlay-settings.ts';

export interface PodMtuDeps {
  readonly host: Host;
  readonly clock: Clock;
  /** The machine's, as its Node will say; undefined on a machine without any network. */
  readonly address: () => string | undefined;
  /** Undefined before the agent knows the API server. */
  readonly networks: CacheReader<Network> | undefined;
}

/** How long pods wait for what the API server says about the network, when it is there to be asked. */
const networksWaitMs = 2_000;

/**
 * The largest packet of a pod of the cluster's own network. Undefined on a machine without any network. Throws `CniError` when
 * what the user wants does not fit.
 */
export async function defaultPodMtu(
  { host, clock, address: ownAddress, networks }: PodMtuDeps,
  settings: OverlaySettings,
  signal: AbortSignal,
): Promise<number | undefined> {
  const address = ownAddress();
  if (!address || address.startsWith('127.')) return undefined;
  const uplink = await findUplink(address, host, { signal });
  if (!uplink) return undefined;
  if (networks) await untilSynced(networks, clock, signal);
  const network = networks?.get(defaultNetworkName);
  const backend = backendOf(network, settings);
  const mtu = mtuOption(network);
  return overlayMtu({ backend: backend === 'vxlan' ? 'vxlan' : 'host-gw', address, uplinkMtu: uplink.mtu, mtu });
}

async function untilSynced(networks: CacheReader, clock: Clock, signal: AbortSignal): Promise<void> {
  const waiting = new AbortController();
  const stop = networks.when(
    () => networks.isSynced,
    () => waiting.abort(),
  );
  try {
    await clock.sleep(networksWaitMs, AbortSignal.any([signal, waiting.signal])).catch(() => {}); // synced, or ended
  } finally {
    stop();
  }
  signal.throwIfAborted();
}

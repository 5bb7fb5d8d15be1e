import type { Host } from '@slipway/cni';

/** MTU of the interface that the default route uses; undefined without one. */
export async function uplinkMtu(host: Host, signal: AbortSignal): Promise<number | undefined> {
  const [route] = await host.ipShow(['route', 'show', 'default'], { signal });
  if (typeof route?.dev !== 'string') return undefined;
  const [link] = await host.ipShow(['link', 'show', 'dev', route.dev], { signal });
  return typeof link?.mtu === 'number' ? link.mtu : undefined;
}

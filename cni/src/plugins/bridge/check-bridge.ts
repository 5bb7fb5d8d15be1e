import type { Host, IpObject } from '../../host/host.ts';
import type { CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import type { CniInterface, CniResult, CniRoute } from '../../spec/types.ts';
import { hostInterfaceName } from '../names.ts';
import type { BridgeConfig } from './bridge-config.ts';
import { addressesOf, showBridge } from './ensure-bridge.ts';

/** Compares the kernel with the result of ADD. Later plugins may have added to it, so only what we made must be there. */
export async function checkBridge(request: CniRequest<BridgeConfig>, previous: CniResult, host: Host): Promise<void> {
  const { config, signal, netns, ifName } = request;
  const container = previous.interfaces.findIndex((link) => link.name === ifName && link.sandbox === netns);
  const expected = previous.interfaces[container];
  if (!expected) throw failed(`prevResult has no interface ${ifName} in ${netns}`);

  const shownBridge = await showBridge(config.bridge, host, { signal });
  if (!shownBridge) throw failed(`bridge ${config.bridge} is missing`);
  const hostInterface = hostInterfaceName(request.containerId, ifName);
  const [shownHost] = await host.ipShow(['link', 'show', 'dev', hostInterface], { signal });
  if (!shownHost) throw failed(`host interface ${hostInterface} is missing`);
  if (shownHost.master !== config.bridge) throw failed(`${hostInterface} is not attached to ${config.bridge}`);

  const [shown] = await host.ipShow(['address', 'show', 'dev', ifName], { netns, signal });
  checkContainerInterface(expected, shown);
  const present = addressesOf(shown);
  for (const ip of previous.ips.filter((each) => each.interface === container)) {
    if (!present.includes(ip.address)) throw failed(`${ifName} has lost its address ${ip.address}`);
  }
  await checkRoutes(previous.routes, request, host);
}

function checkContainerInterface(expected: CniInterface, shown: IpObject | undefined): asserts shown is IpObject {
  if (!shown) throw failed(`container interface ${expected.name} is missing`);
  const flags = (shown.flags as readonly string[] | undefined) ?? [];
  if (!flags.includes('UP')) throw failed(`container interface ${expected.name} is down`);
  if (expected.mac && shown.address !== expected.mac) {
    throw failed(`container interface ${expected.name} has MAC ${String(shown.address)}, expected ${expected.mac}`);
  }
}

async function checkRoutes(routes: readonly CniRoute[], request: CniRequest<BridgeConfig>, host: Host): Promise<void> {
  for (const isIpv6 of [false, true]) {
    const wanted = routes.filter((route) => route.dst.includes(':') === isIpv6);
    if (wanted.length === 0) continue;
    const args = isIpv6 ? ['-6', 'route', 'show'] : ['route', 'show'];
    const shown = await host.ipShow(args, { netns: request.netns, signal: request.signal });
    for (const route of wanted) {
      const there = shown.some(
        (each) => isSameDestination(String(each.dst), route.dst) && (!route.gw || each.gateway === route.gw),
      );
      if (!there) throw failed(`route to ${route.dst}${route.gw ? ` via ${route.gw}` : ''} is missing`);
    }
  }
}

function isSameDestination(shown: string, wanted: string): boolean {
  if (shown === 'default') return wanted === '0.0.0.0/0' || wanted === '::/0';
  return shown === wanted || shown === wanted.replace(/\/(32|128)$/, '');
}

function failed(message: string): CniError {
  return new CniError('checkFailed', message);
}

import type { Host, IpObject } from '../../host/host.ts';
import type { CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import type { CniInterface, CniResult, CniRoute } from '../../spec/types.ts';

type Request = Pick<CniRequest<unknown>, 'ifName' | 'netns' | 'signal'>;

/**
 * Compares the container's interface, its addresses and routes with the result of ADD. Later plugins may have added to it, so
 * only what ADD made must be there. Answers the interface as `ip -details address show` shows it.
 */
export async function checkContainerLink(request: Request, previous: CniResult, host: Host): Promise<IpObject> {
  const { ifName, netns, signal } = request;
  const at = previous.interfaces.findIndex((link) => link.name === ifName && link.sandbox === netns);
  const expected = previous.interfaces[at];
  if (!expected) throw checkFailed(`prevResult has no interface ${ifName} in ${netns}`);
  const [shown] = await host.ipShow(['address', 'show', 'dev', ifName], { netns, signal });
  checkInterface(expected, shown);
  const present = addressesOf(shown);
  for (const ip of previous.ips.filter((each) => each.interface === at)) {
    if (!present.includes(ip.address)) throw checkFailed(`${ifName} has lost its address ${ip.address}`);
  }
  await checkRoutes(previous.routes, request, host);
  return shown;
}

/** `10.64.0.5/24` of what `ip address show` shows. */
export function addressesOf(shown: IpObject | undefined): readonly string[] {
  const list = (shown?.addr_info as readonly { local?: string; prefixlen?: number }[] | undefined) ?? [];
  return list.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

export function checkFailed(message: string): CniError {
  return new CniError('checkFailed', message);
}

function checkInterface(expected: CniInterface, shown: IpObject | undefined): asserts shown is IpObject {
  if (!shown) throw checkFailed(`container interface ${expected.name} is missing`);
  const flags = (shown.flags as readonly string[] | undefined) ?? [];
  if (!flags.includes('UP')) throw checkFailed(`container interface ${expected.name} is down`);
  if (expected.mac && shown.address !== expected.mac) {
    throw checkFailed(
      `container interface ${expected.name} has MAC ${String(shown.address)}, expected ${expected.mac}`,
    );
  }
}

async function checkRoutes(routes: readonly CniRoute[], { netns, signal }: Request, host: Host): Promise<void> {
  for (const isIpv6 of [false, true]) {
    const wanted = routes.filter((route) => route.dst.includes(':') === isIpv6);
    if (wanted.length === 0) continue;
    const args = isIpv6 ? ['-6', 'route', 'show'] : ['route', 'show'];
    const shown = await host.ipShow(args, { netns, signal });
    for (const route of wanted) {
      const there = shown.some(
        (each) => isSameDestination(String(each.dst), route.dst) && (!route.gw || each.gateway === route.gw),
      );
      if (!there) throw checkFailed(`route to ${route.dst}${route.gw ? ` via ${route.gw}` : ''} is missing`);
    }
  }
}

function isSameDestination(shown: string, wanted: string): boolean {
  if (shown === 'default') return wanted === '0.0.0.0/0' || wanted === '::/0';
  return shown === wanted || shown === wanted.replace(/\/(32|128)$/, '');
}

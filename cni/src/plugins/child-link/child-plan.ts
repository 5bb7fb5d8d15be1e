import type { LinkStep } from '../../host/link-step.ts';
import type { CniRequest } from '../../skeleton/plugin.ts';
import type { CniIp, CniResult, CniRoute } from '../../spec/types.ts';
import { addressingSteps } from '../container-link/container-steps.ts';
import { interfaceAlias } from '../names.ts';
import type { ChildConfig } from './child-config.ts';

export interface ChildPlan {
  readonly containerSteps: readonly LinkStep[];
  readonly result: CniResult;
}

export interface ChildLink {
  readonly mac: string;
  readonly mtu: number;
  /** Routed by the host: there is no neighbour to ask, and no gateway to send to. */
  readonly hasNoNeighbours: boolean;
}

/** What is done inside of the container, and the result that says it. Pure. */
export function planChild(request: CniRequest<ChildConfig>, allocated: CniResult, link: ChildLink): ChildPlan {
  const { ifName, netns, config } = request;
  const ips = allocated.ips.map(({ address, gateway }): CniIp => {
    return { address, interface: 0, ...(gateway && !link.hasNoNeighbours ? { gateway } : {}) };
  });
  const routes = planRoutes(ips, allocated.routes, config);
  return {
    containerSteps: [
      { step: 'setLink', name: ifName, isUp: false, alias: interfaceAlias(request) },
      ...addressingSteps({
        link: ifName,
        addresses: ips.map(({ address }) => address),
        onLink: [],
        routes,
        skipsDuplicateDetection: true,
      }),
    ],
    result: {
      interfaces: [{ name: ifName, mac: link.mac, mtu: link.mtu, sandbox: netns }],
      ips,
      routes,
      dns: allocated.dns,
    },
  };
}

/** Routes without a gateway lead to the one of their family where there is one, else straight out of the interface. */
function planRoutes(ips: readonly CniIp[], routes: readonly CniRoute[], config: ChildConfig): readonly CniRoute[] {
  const withGateway = (route: CniRoute): CniRoute => {
    const isIpv6 = route.dst.includes(':');
    const gw = route.gw ?? ips.find((ip) => ip.address.includes(':') === isIpv6 && ip.gateway)?.gateway;
    return gw === undefined ? route : { ...route, gw };
  };
  const planned = routes.map(withGateway);
  if (!config.isDefaultGateway) return planned;
  const families = [...new Set(ips.map((ip) => ip.address.includes(':')))];
  const defaults = families.map((isIpv6) => withGateway({ dst: isIpv6 ? '::/0' : '0.0.0.0/0' }));
  return [...planned, ...defaults.filter(({ dst }) => !planned.some((route) => route.dst === dst))];
}

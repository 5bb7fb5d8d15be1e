import type { LinkStep } from '../../host/link-step.ts';
import type { CniRoute } from '../../spec/types.ts';

export interface ContainerAddressing {
  /** Name of the interface. */
  readonly link: string;
  /** `10.64.0.5/24` */
  readonly addresses: readonly string[];
  /** Gateways outside of the addresses' subnets, which need a route of their own. */
  readonly onLink: readonly string[];
  readonly routes: readonly CniRoute[];
  /** IPv6 only: in use at once, without looking for somebody else who has the address. */
  readonly skipsDuplicateDetection: boolean;
}

/** Addresses, up, routes: what every interface of a container needs once it is there. Pure. */
export function addressingSteps({ link, addresses, onLink, routes, ...rest }: ContainerAddressing): LinkStep[] {
  return [
    ...addresses.map((address): LinkStep => ({ step: 'addAddress', link, address, ...rest })),
    { step: 'setLink', name: link, isUp: true },
    ...onLink.map((destination): LinkStep => ({ step: 'addRoute', link, destination })),
    ...routes.map((route) => routeStep(route, link)),
  ];
}

function routeStep({ dst, gw, mtu, advmss, priority, table, scope }: CniRoute, link: string): LinkStep {
  return {
    step: 'addRoute',
    link,
    destination: dst,
    ...(gw === undefined ? {} : { gateway: gw }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(advmss === undefined ? {} : { advmss }),
    ...(priority === undefined ? {} : { priority }),
    ...(table === undefined ? {} : { table }),
    ...(scope === undefined ? {} : { scope }),
  };
}

import { CniError } from '../spec/cni-error.ts';
import { parseAddress, parseNetwork } from '../spec/ip-address.ts';
import { decodeRoute } from '../spec/result.ts';
import type { CniRoute } from '../spec/types.ts';

/** `ipam.routes`. Throws `CniError` (invalid configuration) that names the route. */
export function parseRoutes(raw: unknown): readonly CniRoute[] {
  if (raw === undefined || raw === null) return [];
  if (!Array.isArray(raw)) throw new CniError('invalidNetworkConfig', 'ipam.routes: expected a list');
  return raw.map((each, i) => {
    try {
      const route = decodeRoute(each);
      const { family } = parseNetwork(route.dst);
      if (route.gw !== undefined && parseAddress(route.gw).family !== family) {
        throw new CniError('invalidNetworkConfig', `gw ${route.gw} is of another address family than ${route.dst}`);
      }
      return route;
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      throw new CniError('invalidNetworkConfig', `ipam.routes[${i}]: ${error.message}`, { cause: error });
    }
  });
}

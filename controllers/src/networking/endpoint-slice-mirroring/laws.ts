import type { Endpoints } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aService } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { managedByLabel } from '../endpoint-slice/observe.ts';
import { endpointsOfMirror, managedBy } from './observe.ts';

const { endpoints, endpointSlices, services } = kinds;

function someEndpoints(dice: number): Endpoints {
  const addresses = Array.from({ length: dice % 4 }, (_, i) => ({
    ip: i % 2 ? `fd00::${i}` : `192.0.2.${i + (dice % 7)}`,
  }));
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { namespace: 'shop', name: 'web', labels: { team: `t${dice % 3}` } },
    subsets:
      addresses.length === 0 ? [] : [{ addresses, ports: [{ name: 'http', port: 80 + (dice % 2), protocol: 'TCP' }] }],
  };
}

const byHand = () => aService({ selector: {} });

export const endpointSliceMirroringLaws: ControllerLaws = {
  controller: 'endpointslicemirroring',
  primary: endpoints,
  children: [endpointSlices],
  start(server) {
    server.put(services, byHand());
    server.put(endpoints, someEndpoints(3));
  },
  moves: {
    'somebody writes endpoints': (server, dice) => {
      server.put(endpoints, someEndpoints(dice));
    },
    'the service selects pods, or does not': (server, dice) => {
      server.put(services, dice % 2 ? byHand() : aService());
    },
    'the service is gone': (server, dice) => {
      const service = pick(server.list(services), dice);
      if (service) server.remove(services, keyOf(service));
    },
  },
  // Slices are known by a label: one that was copied or disowned is still a mirror.
  mayWrite: ({ kindId, before }) =>
    kindId === 'endpointslices.discovery.k8s.io' && before?.metadata.labels?.[managedByLabel] === managedBy,
  atRest(server) {
    const [service] = server.list(services);
    const [written] = server.list(endpoints);
    if (written?.metadata.deletionTimestamp) return undefined; // the garbage collector's
    const isByHand = service && Object.keys(service.spec.selector ?? {}).length === 0;
    const wanted = isByHand ? written : undefined;
    const ips = (wanted?.subsets ?? []).flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip));
    const slices = server.list(endpointSlices).filter((slice) => endpointsOfMirror(slice).length > 0);
    const mirrored = slices.flatMap((slice) => (slice.endpoints ?? []).flatMap(({ addresses }) => addresses));
    if (mirrored.toSorted().join() === ips.toSorted().join()) return undefined;
    return `mirrored are ${mirrored}, written are ${ips}`;
  },
};

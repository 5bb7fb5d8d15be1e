import type { AddressPool } from '@slipway/api/networks/network-types';
import type { KubeObject, Service } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aNode, aService } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { announcersAnnotation, mayAnnounce } from './announcers.ts';
import { isBalanced } from './plan.ts';

const { addressPools, customResourceDefinitions, nodes, services } = kinds;

const aPool = (name: string, addresses: string[]): AddressPool => ({
  apiVersion: 'networks.slipway.dev/v1',
  kind: 'AddressPool',
  metadata: { name },
  spec: { addresses },
});

function aBalancer(i: number): Service {
  const service = aService({ type: 'LoadBalancer', clusterIP: `10.96.1.${i}` });
  return { ...service, metadata: { ...service.metadata, name: `s${i}` } };
}

/** As the server has it once it serves the kind. */
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'addresspools.networks.slipway.dev' },
  spec: { group: 'networks.slipway.dev', scope: 'Cluster', versions: [{ name: 'v1', served: true, storage: true }] },
  status: {
    acceptedNames: { plural: 'addresspools', kind: 'AddressPool' },
    conditions: [{ type: 'Established', status: 'True' }],
  },
} as KubeObject;

const addressesOf = ({ status }: Service) => (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '');

export const loadBalancerLaws: ControllerLaws = {
  controller: 'load-balancer',
  start(server) {
    server.put(customResourceDefinitions, definition);
    server.put(addressPools, aPool('lan', ['192.0.2.1-192.0.2.3']));
    for (const name of ['a', 'b']) server.put(nodes, aNode(name, 'True'));
    server.put(services, aBalancer(1));
  },
  moves: {
    'a service comes': (server, dice) => {
      if (!server.get(services, `shop/s${dice % 6}`)) server.put(services, aBalancer(dice % 6));
    },
    'a service goes': (server, dice) => {
      const service = pick(server.list(services), dice);
      if (service) server.remove(services, keyOf(service));
    },
    'a service changes its type': (server, dice) => {
      const service = pick(server.list(services), dice);
      const type = service?.spec.type === 'LoadBalancer' ? 'ClusterIP' : 'LoadBalancer';
      if (service) server.put(services, { ...service, spec: { ...service.spec, type } });
    },
    'a service asks for an address': (server, dice) => {
      const service = pick(server.list(services), dice);
      const loadBalancerIP = `192.0.2.${dice % 5}`;
      if (service) server.put(services, { ...service, spec: { ...service.spec, loadBalancerIP } });
    },
    'a node is lost or back': (server, dice) => {
      const name = dice % 2 ? 'a' : 'b';
      server.put(nodes, aNode(name, dice % 3 ? 'True' : 'Unknown'));
    },
    'a pool comes or changes': (server, dice) => {
      server.put(addressPools, aPool(dice % 2 ? 'lan' : 'dmz', [`192.0.2.${dice % 3}-192.0.2.${(dice % 3) + 4}`]));
    },
    'a pool goes': (server, dice) => {
      const pool = pick(server.list(addressPools), dice);
      if (pool) server.remove(addressPools, keyOf(pool));
    },
  },
  mayWrite: ({ kindId, subresource, verb, before, after }) =>
    verb === 'patch' &&
    (kindId === 'services'
      ? subresource === 'status' || JSON.stringify((before as Service).spec) === JSON.stringify((after as Service).spec)
      : kindId === 'addresspools.networks.slipway.dev' && subresource === 'status'),
  atRest(server) {
    const ready = server.list(nodes).filter(mayAnnounce);
    const given = server.list(services).flatMap(addressesOf);
    if (new Set(given).size !== given.length) return `an address is given twice: ${given}`;
    for (const service of server.list(services)) {
      const { name, annotations } = service.metadata;
      const announcers = annotations?.[announcersAnnotation]?.split(',') ?? [];
      if (!isBalanced(service) && addressesOf(service).length + announcers.length > 0)
        return `${name} keeps an address`;
      if (addressesOf(service).length > 0 && announcers.length !== ready.length) return `${name} is not announced`;
    }
    return undefined;
  },
};

import type { Network } from '@slipway/api/networks/network-types';
import type { Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aPod } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';

const { networks, pods } = kinds;

function aNetwork(name: string, dice: number): Network {
  const specs: readonly Network['spec'][] = [
    { driver: 'overlay' },
    { driver: 'overlay', options: { vni: '4097' } },
    { driver: 'bridge', subnets: [{ subnet: `10.${5 + (dice % 2)}.0.0/16` }] },
    { driver: 'macvlan', options: { parent: 'eth0' }, subnets: [{ subnet: `10.9.${dice % 3}.0/24` }] },
    { driver: 'none' },
  ];
  const spec = specs[dice % specs.length] ?? { driver: 'none' };
  return { apiVersion: 'networks.slipway.dev/v1', kind: 'Network', metadata: { name }, spec };
}

function joined(pod: Pod, dice: number): Pod {
  const annotations = { 'k8s.v1.cni.cncf.io/networks': dice % 2 ? 'n1' : '[{"name":"n2"}]' };
  return { ...pod, metadata: { ...pod.metadata, annotations }, spec: { ...pod.spec, nodeName: 'node' } };
}

export const networksLaws: ControllerLaws = {
  controller: 'networks',
  start(server) {
    for (const i of [0, 1]) server.put(networks, aNetwork(`n${i}`, i));
    server.put(pods, joined(aPod({ name: 'p0' }), 1));
  },
  moves: {
    'a Network comes': (server, dice) => {
      const name = `n${dice % 5}`;
      if (!server.get(networks, name)) server.put(networks, aNetwork(name, dice));
    },
    'a Network is deleted': (server, dice) => {
      const network = pick(server.list(networks), dice);
      if (!network || network.metadata.deletionTimestamp) return;
      if (!network.metadata.finalizers?.length) return server.remove(networks, keyOf(network));
      const metadata = { ...network.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
      server.put(networks, { ...network, metadata });
    },
    'a pod comes': (server, dice) => {
      const pod = joined(aPod({ name: `p${dice % 4}` }), dice);
      if (!server.get(pods, keyOf(pod))) server.put(pods, pod);
    },
    'a pod goes': (server, dice) => {
      const pod = pick(server.list(pods), dice);
      if (pod) server.remove(pods, keyOf(pod));
    },
  },
  mayWrite: ({ kindId }) => kindId === 'networks.networks.slipway.dev',
  never: (_, server) => {
    const ready = server.list(networks).filter(({ status }) => status?.conditions?.[0]?.status === 'True');
    const vnis = ready.flatMap(({ status }) => status?.vni ?? []);
    return new Set(vnis).size === vnis.length ? undefined : `one VNI is given twice: ${vnis}`;
  },
  atRest(server) {
    if (!server.get(networks, 'default')) return 'the cluster network is missing';
    const unsaid = server.list(networks).find(({ status }) => !status?.conditions?.length);
    if (unsaid) return `nothing is said of ${unsaid.metadata.name}`;
    const used: string[] = server
      .list(pods)
      .map((pod) => (pod.metadata.annotations?.['k8s.v1.cni.cncf.io/networks'] === 'n1' ? 'n1' : 'n2'));
    const kept = server.list(networks).filter(({ metadata }) => metadata.deletionTimestamp);
    const idle = kept.find(({ metadata }) => !used.includes(metadata.name ?? ''));
    return idle && `${idle.metadata.name} is not used and does not go`;
  },
};

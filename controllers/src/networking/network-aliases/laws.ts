import type { Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aPod } from '../../testing/builders.ts';
import { pick, podMoves } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { isPodFinished } from '../../workloads/pod-readiness.ts';
import { managedByLabel } from '../endpoint-slice/observe.ts';
import { aliasesOfPod, networkStatusAnnotation, networksAnnotation } from './aliases-of-pod.ts';
import { managedBy, podOfSlice } from './observe.ts';

const { endpointSlices, pods } = kinds;

function aliased(pod: Pod, dice: number): Pod {
  const aliases = ['db', 'cache', 'queue'].slice(0, dice % 4);
  const ips = [`192.0.2.${dice % 9}`, `fd00::${dice % 9}`].slice(0, 1 + (dice % 2));
  const annotations: Record<string, string> = {
    [networksAnnotation]: JSON.stringify([{ name: 'lan', aliases }]),
    ...(dice % 5 ? { [networkStatusAnnotation]: JSON.stringify([{ name: 'lan', interface: 'net1', ips }]) } : {}),
  };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

export const networkAliasesLaws: ControllerLaws = {
  controller: 'network-aliases',
  primary: pods,
  children: [endpointSlices],
  start(server) {
    for (const [i, name] of ['a', 'b'].entries()) server.put(pods, aliased(aPod({ name, ready: true }), i + 1));
  },
  moves: {
    ...podMoves,
    'a pod is on other networks': (server, dice) => {
      const pod = pick(server.list(pods), dice);
      if (pod) server.put(pods, aliased(pod, Math.floor(dice / 3)));
    },
    'a pod is gone': (server, dice) => {
      const pod = pick(server.list(pods), dice);
      if (pod) server.remove(pods, keyOf(pod));
    },
  },
  // Slices are known by their marks: one that was copied or disowned is still of the pod.
  mayWrite: ({ kindId, before }) =>
    kindId === 'endpointslices.discovery.k8s.io' && before?.metadata.labels?.[managedByLabel] === managedBy,
  atRest(server) {
    for (const pod of server.list(pods)) {
      const isThere = !pod.metadata.deletionTimestamp && !isPodFinished(pod);
      const wanted = isThere
        ? aliasesOfPod(pod).flatMap((each) => each.aliases.map((alias) => `${alias} ${each.addresses}`))
        : [];
      const own = server.list(endpointSlices).filter((slice) => podOfSlice(slice).includes(keyOf(pod)));
      const names = [...new Set(wanted.map((each) => each.split(' ')[0]))].toSorted();
      const told = own.flatMap((slice) => (slice.endpoints ?? []).map(({ hostname }) => hostname));
      const different = [...new Set(told)].toSorted();
      if (different.join() !== names.join()) return `told are ${different}, wanted are ${wanted}`;
    }
    return undefined;
  },
};

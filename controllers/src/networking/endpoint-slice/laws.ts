import type { EndpointSlice } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aPod, aService } from '../../testing/builders.ts';
import { pick, podMoves } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { isPodReady } from '../../workloads/pod-readiness.ts';
import { servicesOfPod } from './controller.ts';
import { managedBy, managedByLabel, podMatcherOf, serviceOfSlice } from './observe.ts';

const { endpointSlices, pods, services } = kinds;

export const endpointSliceLaws: ControllerLaws = {
  controller: 'endpointslice',
  primary: services,
  children: [endpointSlices],
  start(server) {
    server.put(services, aService());
    for (const name of ['a', 'b', 'c'])
      server.put(pods, aPod({ name, ip: `10.64.0.${name.charCodeAt(0)}`, ready: true }));
    // Of another hand, for the same service.
    server.put(endpointSlices, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace: 'shop', name: 'by-hand', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.1.1.1'] }],
    });
  },
  moves: {
    ...podMoves,
    'a pod comes': (server, dice) => {
      server.put(pods, aPod({ name: `p${dice % 9}`, ip: `10.64.1.${dice % 9}`, ready: dice % 2 === 0 }));
    },
    'a pod is gone': (server, dice) => {
      const pod = pick(server.list(pods), dice);
      if (pod) server.remove(pods, keyOf(pod));
    },
    'the selector changes': (server, dice) => {
      const service = pick(server.list(services), dice);
      const selector = dice % 3 === 0 ? { app: 'db' } : { app: 'web' };
      if (service) server.put(services, { ...service, spec: { ...service.spec, selector } });
    },
    'the service has no selector': (server, dice) => {
      const service = pick(server.list(services), dice);
      if (!service) return;
      const { selector: _, ...spec } = service.spec;
      server.put(services, { ...service, spec });
    },
  },
  // Its slices are known by a label: one that was copied or disowned is still a slice of the service.
  mayWrite: ({ kindId, before }) =>
    kindId === 'endpointslices.discovery.k8s.io' && before?.metadata.labels?.[managedByLabel] === managedBy,
  atRest(server) {
    for (const service of server.list(services)) {
      if (service.metadata.deletionTimestamp || !podMatcherOf(service)) continue;
      const listed = server
        .list(endpointSlices)
        .filter((slice) => serviceOfSlice(slice).includes(keyOf(service)))
        .flatMap((slice) => readyPodsIn(slice));
      const caches = { inNamespace: () => server.list(services) } as unknown as Parameters<typeof servicesOfPod>[1];
      const expected = server
        .list(pods)
        .filter((pod) => isPodReady(pod) && !pod.metadata.deletionTimestamp && pod.status?.phase === 'Running')
        .filter((pod) => servicesOfPod(pod, caches).includes(keyOf(service)))
        .map(({ metadata }) => metadata.name ?? '');
      if (listed.toSorted().join() !== expected.toSorted().join()) return `listed are ${listed}, ready are ${expected}`;
    }
    return undefined;
  },
};

function readyPodsIn({ endpoints }: EndpointSlice): string[] {
  const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready);
  return ready.map(({ targetRef }) => targetRef?.name ?? '');
}

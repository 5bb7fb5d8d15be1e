import type { EndpointSlice, Pod, Service } from '@slipway/api/types';
import type { Ledger } from '../ledger.ts';
import { isTerminal } from '../parts/pod-on-node.ts';
import type { Checker } from './checker.ts';
import { isReady } from './replicas.ts';

/** A service leads to the pods that it selects and that are ready, and to no others. */
export function addressesOfServices(): Checker {
  return {
    name: 'addresses of services',
    settled: async ({ ledger }) => {
      for (const service of ledger.list<Service>('core/services')) {
        const { selector } = service.spec;
        if (!selector) continue;
        const wanted = addressesWanted(service, selector, ledger);
        const shown = addressesShown(service, ledger);
        const name = `${service.metadata.namespace}/${service.metadata.name}`;
        if (wanted !== shown) return `service ${name} leads to [${shown}], its ready pods are [${wanted}]`;
      }
      return undefined;
    },
  };
}

function addressesWanted({ metadata }: Service, selector: Readonly<Record<string, string>>, ledger: Ledger): string {
  const isMeant = (pod: Pod) =>
    pod.metadata.namespace === metadata.namespace &&
    Object.entries(selector).every(([key, value]) => pod.metadata.labels?.[key] === value);
  const pods = ledger.list<Pod>('core/pods').filter((pod) => isMeant(pod) && !isTerminal(pod) && isReady(pod));
  return listed(pods.map(({ status }) => status?.podIP ?? ''));
}

function addressesShown({ metadata }: Service, ledger: Ledger): string {
  const slices = ledger
    .list<EndpointSlice>('discovery.k8s.io/endpointslices')
    .filter(
      (slice) =>
        slice.metadata.namespace === metadata.namespace &&
        slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name,
    );
  const ready = slices.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready);
  return listed(ready.flatMap(({ addresses }) => addresses));
}

function listed(addresses: readonly string[]): string {
  return [...addresses].sort().join(' ');
}

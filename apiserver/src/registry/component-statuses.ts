/**
 * The parts of the control plane, as `kubectl get componentstatuses` shows them. They are not stored: who holds the leases of the controllers and
 * the scheduler, and whether the store answers, is looked up when somebody asks.
 */
import type { ComponentStatus, KubeObject, Lease } from '@slipway/api/types';
import { messageOf } from '@slipway/kit/errors';
import type { StrategyContext } from './strategy.ts';

export interface ComponentStatusDeps {
  readonly read: StrategyContext['read'];
  readonly nowMs: () => number;
  /** Rejects when the store does not answer. */
  readonly askStore: () => Promise<unknown>;
}

/** Controllers and scheduler of one process share the first lease. */
const leases = {
  'controller-manager': ['kube-controller-manager'],
  scheduler: ['kube-scheduler', 'kube-controller-manager'],
};

export async function componentStatuses({ read, nowMs, askStore }: ComponentStatusDeps): Promise<KubeObject[]> {
  const leaseProblem = (names: readonly string[]) => {
    const held = names.some((name) => isHeld(read('leases', 'coordination.k8s.io', 'kube-system', name), nowMs()));
    return held ? undefined : `nobody holds the lease kube-system/${names[0]}`;
  };
  const storeProblem = await askStore().then(() => undefined, messageOf);
  return [
    component('controller-manager', leaseProblem(leases['controller-manager'])),
    component('etcd-0', storeProblem),
    component('scheduler', leaseProblem(leases.scheduler)),
  ];
}

function component(name: string, problem: string | undefined): ComponentStatus {
  const condition =
    problem === undefined
      ? { type: 'Healthy', status: 'True', message: 'ok' }
      : { type: 'Healthy', status: 'False', message: problem };
  return { kind: 'ComponentStatus', apiVersion: 'v1', metadata: { name }, conditions: [condition] };
}

function isHeld(lease: KubeObject | undefined, nowMs: number): boolean {
  const { holderIdentity = '', renewTime, leaseDurationSeconds = 0 } = (lease as Lease | undefined)?.spec ?? {};
  return holderIdentity !== '' && Date.parse(renewTime ?? '') + leaseDurationSeconds * 1000 > nowMs;
}

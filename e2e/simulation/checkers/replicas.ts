import type { Deployment, KubeObject, Pod, ReplicaSet, ResourceQuota } from '@slipway/api/types';
import { isTerminal } from '../parts/pod-on-node.ts';
import type { Ledger } from '../ledger.ts';
import type { Checker } from './checker.ts';

interface Scaled extends KubeObject {
  readonly spec: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
  };
}

/** Everybody has as many pods as they want, they run, and the counts in the status are true. */
export function replicas(): Checker {
  return {
    name: 'replicas',
    settled: async ({ ledger }) => {
      const limited = new Set(
        ledger.list<ResourceQuota>('core/resourcequotas').map(({ metadata }) => metadata.namespace),
      );
      for (const resource of ['apps/replicasets', 'apps/statefulsets']) {
        for (const set of ledger.list<Scaled>(resource)) {
          if (limited.has(set.metadata.namespace)) continue;
          const wrong = wrongWith(set, livePods(ledger, set));
          if (wrong) return `${resource} ${set.metadata.namespace}/${set.metadata.name}: ${wrong}`;
        }
      }
      for (const deployment of ledger.list<Deployment>('apps/deployments')) {
        if (limited.has(deployment.metadata.namespace)) continue;
        const wrong = wrongWithDeployment(deployment, ledger);
        if (wrong) return `deployment ${deployment.metadata.namespace}/${deployment.metadata.name}: ${wrong}`;
      }
      return undefined;
    },
  };
}

function livePods(ledger: Ledger, owner: KubeObject): Pod[] {
  return ledger
    .list<Pod>('core/pods')
    .filter((pod) => !isTerminal(pod) && !pod.metadata.deletionTimestamp && isControlledBy(pod, owner));
}

export function isControlledBy({ metadata }: KubeObject, owner: KubeObject): boolean {
  return metadata.ownerReferences?.some(({ uid, controller }) => controller && uid === owner.metadata.uid) ?? false;
}

function wrongWith({ spec, status = {}, metadata }: Scaled, pods: readonly Pod[]): string | undefined {
  const wanted = spec.replicas ?? 1;
  if (pods.length !== wanted) return `${wanted} pods are wanted, ${pods.length} are there`;
  const waiting = pods.find((pod) => !isReady(pod));
  if (waiting) return `pod ${waiting.metadata.name} is not ready (node: ${waiting.spec.nodeName ?? 'none'})`;
  if ((status.observedGeneration ?? 0) !== metadata.generation) return 'the status is of an older generation';
  if ((status.replicas ?? 0) !== wanted) return `the status says ${status.replicas} pods, there are ${wanted}`;
  if ((status.readyReplicas ?? 0) !== wanted)
    return `the status says ${status.readyReplicas} ready pods, there are ${wanted}`;
  return undefined;
}

function wrongWithDeployment(deployment: Deployment, ledger: Ledger): string | undefined {
  const { spec, status = {}, metadata } = deployment;
  const wanted = spec.replicas ?? 1;
  if ((status.observedGeneration ?? 0) !== metadata.generation) return 'the status is of an older generation';
  const sets = ledger.list<ReplicaSet>('apps/replicasets').filter((set) => isControlledBy(set, deployment));
  const total = sets.reduce((sum, set) => sum + (set.spec?.replicas ?? 0), 0);
  if (total !== wanted) return `${wanted} pods are wanted, its replica sets want ${total}`;
  const image = spec.template.spec?.containers[0]?.image;
  const full = sets.find((set) => (set.spec?.replicas ?? 0) > 0);
  if (full && full.spec?.template?.spec?.containers[0]?.image !== image)
    return 'the pods are not of the newest template';
  if ((status.availableReplicas ?? 0) !== wanted)
    return `the status says ${status.availableReplicas} available pods of ${wanted}`;
  return undefined;
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false;
}

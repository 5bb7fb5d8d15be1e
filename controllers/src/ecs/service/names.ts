/** Keeps the Kubernetes Services of an ECS service as they shall be, and says which cannot be. */
import type { Service as EcsService, TaskCondition } from '@slipway/api/ecs/kinds';
import type { Service, ServicePort } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { controllerOf, isControlledBy } from '../../runtime/owner.ts';
import type { Step } from '../../runtime/step.ts';
import { conditionsOf } from '../task/task-status.ts';
import { kubeServicesOf } from './kube-services.ts';
import type { ObservedService } from './observe.ts';

export interface Names {
  readonly steps: readonly Step[];
  readonly conditions: readonly TaskCondition[];
}

export function planNames(observed: ObservedService, nowMs: number): Names {
  const { service, definition, kubeServices, kubeService } = observed;
  const isOver = service.spec.desiredStatus === 'INACTIVE';
  // The ports are those of what runs; before the first deployment, of what is asked for.
  const reference = service.status?.deployments?.[0]?.taskDefinition ?? service.spec.taskDefinition;
  const { services, refused } = isOver ? { services: [], refused: [] } : kubeServicesOf(service, definition(reference));
  const names = new Set(services.map(({ metadata }) => metadata.name));
  const surplus = kubeServices.filter(({ metadata }) => !names.has(metadata.name) && !metadata.deletionTimestamp);
  const ensured = services.map((wanted) => ensure(service, wanted, kubeService(wanted.metadata.name ?? '')));
  const problems = [
    ...refused.map((name) => `${name} is no name that a Service can have`),
    ...ensured.flatMap(({ problem }) => problem ?? []),
  ];
  const verdict =
    problems.length === 0
      ? ({ type: 'Reachable', status: 'True', reason: 'NamesGiven', message: '' } as const)
      : ({ type: 'Reachable', status: 'False', reason: 'NameTaken', message: problems.join('; ') } as const);
  return {
    steps: [
      ...surplus.map((target): Step => ({ op: 'delete', kind: kinds.services, target })),
      ...ensured.flatMap(({ step }) => step ?? []),
    ],
    conditions: conditionsOf(service.status?.conditions, [verdict], nowMs),
  };
}

interface Ensured {
  readonly step?: Step;
  readonly problem?: string;
}

function ensure(service: EcsService, wanted: Service, there: Service | undefined): Ensured {
  if (!there) {
    const failed = { type: 'Warning', reason: 'FailedCreate', message: 'Error creating: {error}' } as const;
    return { step: { op: 'create', kind: kinds.services, object: wanted, tells: { about: service, failed } } };
  }
  if (!isControlledBy(there, service)) {
    const holder = controllerOf(there);
    const whose = holder ? `that of ${holder.kind} ${holder.name}` : 'one that somebody made';
    return { problem: `the Service ${there.metadata.name} is ${whose}` };
  }
  if (there.metadata.deletionTimestamp || isSame(there, wanted)) return {};
  // The address of a Service is for its life: one with and one without are two.
  if (isHeadless(there) !== isHeadless(wanted)) return { step: { op: 'delete', kind: kinds.services, target: there } };
  const patch = { spec: { selector: wanted.spec.selector, ports: wanted.spec.ports } };
  return { step: { op: 'patch', kind: kinds.services, target: there, patch } };
}

function isHeadless({ spec }: Pick<Service, 'spec'>): boolean {
  return spec.clusterIP === 'None';
}

function isSame(a: Service, b: Service): boolean {
  const shown = ({ name, port, protocol, targetPort, appProtocol }: ServicePort) =>
    `${name} ${port} ${protocol} ${targetPort} ${appProtocol ?? ''}`;
  const text = ({ spec }: Service) => JSON.stringify([spec.selector, (spec.ports ?? []).map(shown)]);
  return isHeadless(a) === isHeadless(b) && text(a) === text(b);
}
